package docker

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/moby/moby/client"
)

// eager is how much of its standard input is handed over before a container is
// started, so that it is with the engine whatever happens to this process. It
// fits into the buffers of any connection.
const eager = 32 << 10

// feeders are the connections over which containers get their standard input.
// They are closed when the container has ended: the engine does not hang up
// while there is something that nobody reads.
type feeders struct {
	mu   sync.Mutex
	open map[string]*feeder
}

type feeder struct {
	conn client.HijackedResponse
	done chan struct{}
}

// feed attaches to the standard input and writes it, in the background what is
// too much to be taken before the start. The container reads end of file after
// it. Nothing to write means that it has no standard input at all.
func (e *Executor) feed(ctx context.Context, ref string, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	attached, err := e.api.ContainerAttach(ctx, ref, client.ContainerAttachOptions{
		Stream: true, Stdin: true, Stdout: e.flavour.drains, Stderr: e.flavour.drains,
	})
	if err != nil {
		return err
	}
	f := &feeder{conn: attached.HijackedResponse, done: make(chan struct{})}
	var parts sync.WaitGroup
	parts.Go(func() { _, _ = io.Copy(io.Discard, f.conn.Reader) }) // until somebody hangs up
	if len(data) <= eager {
		err = f.write(data)
	} else {
		parts.Go(func() { _ = f.write(data) }) // fails when the container ends without reading on
	}
	go func() {
		parts.Wait()
		close(f.done)
	}()
	e.feeders.add(ref, f)
	return err
}

func (f *feeder) write(data []byte) error {
	_, err := f.conn.Conn.Write(data)
	return errors.Join(err, f.conn.CloseWrite())
}

func (l *feeders) add(ref string, f *feeder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[string]*feeder{}
	}
	l.open[ref] = f
}

// close hangs up, and waits until nothing is written any more.
func (l *feeders) close(ref string) {
	l.mu.Lock()
	f := l.open[ref]
	delete(l.open, ref)
	l.mu.Unlock()
	if f != nil {
		f.conn.Close()
		<-f.done
	}
}
