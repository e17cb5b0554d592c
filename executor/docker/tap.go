package docker

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/moby/moby/client"
)

const (
	// tapLimit is how much output is held for a reader who is behind.
	tapLimit = 16 << 20
	// tapPatience is how long a reader who is behind by tapLimit may hold the
	// container up. Docker drops what it could not hand on for two seconds after
	// a container's end, so it is less than that.
	tapPatience = time.Second
	// tapPiece is how much is held in one piece.
	tapPiece = 64 << 10
)

var (
	// errBehind: the reader was too slow.
	errBehind = errors.New("the output was not read fast enough")
	// errCut: the output ended, and not by its container's end.
	errCut = errors.New("the output was cut off")
)

// tap is a container's output as the engine sends it while the container runs,
// from its beginning. It is a reader of it, both streams as the engine mixes
// them. io.EOF means that the container has ended and this was all of its
// output; after any other error the log has the rest.
type tap struct {
	limit    int
	patience time.Duration
	conn     net.Conn
	life     *lifeline
	done     chan struct{} // closed when nothing is connected any more

	mu      sync.Mutex
	changed sync.Cond
	held    [][]byte
	from    int // how much of the first piece was read
	size    int // what was not
	behind  bool
	err     error // why nothing more comes
}

// tapLife is what a tap tells by whether the engine ended, nil if there is to be
// no tap. It is there before the tap, so the engine it tells about is no later
// one.
//
// A connection that stalls silently would hold the container up: those on this
// machine do not.
func (e *Executor) tapLife(ctx context.Context, id string) *lifeline {
	if !e.flavour.taps || !e.local {
		return nil
	}
	life, err := e.lifeline(ctx)
	if err != nil {
		e.log.Debug("no lifeline to the engine", "container", id, "error", err)
		return nil
	}
	return life
}

// tap attaches to a container which nobody has started. Without it the output
// is read from the log, so that is no error.
func (e *Executor) tap(ctx context.Context, ref string, life *lifeline) {
	if life == nil {
		return
	}
	attached, err := e.api.ContainerAttach(ctx, ref, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		life.close()
		e.log.Debug("cannot attach", "container", ref, "error", err)
		return
	}
	e.taps.add(ref, newTap(attached.Conn, attached.Reader, life))
}

// newTap reads from a connection until that ends or the tap is closed.
func newTap(conn net.Conn, from io.Reader, life *lifeline) *tap {
	t := &tap{limit: tapLimit, patience: tapPatience, conn: conn, life: life, done: make(chan struct{})}
	t.changed.L = &t.mu
	go func() {
		defer close(t.done)
		err := t.fill(from)
		// An engine ends the stream when the container ends, and by ending itself.
		if errors.Is(err, io.EOF) && life.ask() != nil {
			err = errCut
		}
		t.disconnect()
		t.end(err)
	}()
	return t
}

// fill takes what comes, until nothing does or nobody reads it.
func (t *tap) fill(from io.Reader) error {
	piece := make([]byte, tapPiece)
	for {
		n, err := from.Read(piece)
		t.hold(piece[:n])
		if err != nil {
			return err
		}
		if !t.room() {
			return errBehind
		}
	}
}

func (t *tap) hold(data []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.size += len(data)
	for len(data) > 0 {
		last := len(t.held) - 1
		if last < 0 || len(t.held[last]) == cap(t.held[last]) {
			t.held = append(t.held, make([]byte, 0, tapPiece))
			continue
		}
		piece := t.held[last]
		n := min(cap(piece)-len(piece), len(data))
		t.held[last] = append(piece, data[:n]...)
		data = data[n:]
	}
	t.changed.Broadcast()
}

// room waits for it. A reader who is behind has to catch up by half of the
// limit, not byte by byte.
func (t *tap) room() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.size < t.limit {
		return true
	}
	timer := time.AfterFunc(t.patience, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.behind = true
		t.changed.Broadcast()
	})
	defer timer.Stop()
	for t.size > t.limit/2 && !t.behind {
		t.changed.Wait()
	}
	return !t.behind
}

func (t *tap) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
	t.changed.Broadcast()
}

func (t *tap) Read(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.size == 0 && t.err == nil {
		t.changed.Wait()
	}
	if t.size == 0 {
		return 0, t.err
	}
	n := 0
	for n < len(p) && t.size > 0 {
		taken := copy(p[n:], t.held[0][t.from:])
		n += taken
		t.from += taken
		t.size -= taken
		if t.from == len(t.held[0]) {
			t.drop()
		}
	}
	t.changed.Broadcast()
	return n, nil
}

// drop lets go of the first piece, or begins it anew if it is the only one.
func (t *tap) drop() {
	t.from = 0
	if len(t.held) == 1 {
		t.held[0] = t.held[0][:0]
		return
	}
	t.held[0] = nil
	t.held = t.held[1:]
}

// hangUp ends it for the reader too, soon.
func (t *tap) hangUp() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.behind = true
	t.changed.Broadcast()
	t.disconnect()
}

func (t *tap) disconnect() {
	_ = t.conn.Close() // it may be closed
	t.life.close()
}

// close hangs up, and waits until nothing is connected any more.
func (t *tap) close() {
	t.hangUp()
	<-t.done
}

// taps are those that nobody reads yet.
type taps struct {
	mu   sync.Mutex
	open map[string]*tap
}

func (l *taps) add(ref string, t *tap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[string]*tap{}
	}
	l.open[ref] = t
}

// take gives a container's tap to its first reader, nil to others.
func (l *taps) take(ref string) *tap {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.open[ref]
	delete(l.open, ref)
	return t
}

func (l *taps) close(ref string) {
	if t := l.take(ref); t != nil {
		t.close()
	}
}
