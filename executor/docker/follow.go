package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Follow copies the container's output from its beginning to its end; see
// executor.Process. The first reader gets what comes through the tap. Others,
// and the first one after a gap, read the engine's log, which no slow reader
// holds up, and which is there again for whoever comes later.
func (p *process) Follow(ctx context.Context, stdout, stderr io.Writer) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	out, errs := &counted{w: stdout}, &counted{w: stderr}
	err := p.missed(p.follow(ctx, out, errs))
	if failure := errors.Join(out.err, errs.err); failure != nil {
		err = failure
	}
	if err != nil {
		return fmt.Errorf("follow container %s: %w", p.handle.ID, err)
	}
	return nil
}

func (p *process) follow(ctx context.Context, stdout, stderr *counted) error {
	if t := p.exec.taps.take(p.handle.Ref); t != nil {
		all, err := p.followTap(ctx, t, stdout, stderr)
		if all || err != nil {
			return err
		}
		stdout, stderr = stdout.rest(), stderr.rest()
	}
	return p.followLog(ctx, stdout, stderr)
}

// followTap copies what comes through a tap, and reports whether that was all.
func (p *process) followTap(ctx context.Context, t *tap, stdout, stderr *counted) (all bool, err error) {
	defer t.close()
	stop := context.AfterFunc(ctx, t.hangUp)
	defer stop()
	err = split(t, stdout, stderr)
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case stdout.err != nil || stderr.err != nil:
		return false, err
	case err != nil:
		p.exec.log.Debug("going on with the log", "container", p.handle.ID, "reason", err)
		return false, nil
	}
	return true, p.ended(ctx)
}

func (p *process) followLog(ctx context.Context, stdout, stderr *counted) error {
	switch {
	case p.exec.flavour.slowFollow:
		return p.followAndCatchUp(ctx, stdout, stderr)
	case p.exec.speaksLess(p.exec.flavour.mendBefore):
		return p.followMended(ctx, stdout, stderr)
	}
	copyAll := func(log io.Reader) error { return split(log, stdout, stderr) }
	if err := p.log(ctx, client.ContainerLogsOptions{Follow: true}, copyAll); err != nil {
		return err
	}
	return p.ended(ctx)
}

// speaksLess reports whether the engine speaks no version of the interface from
// this one on. There is none less than none.
func (e *Executor) speaksLess(version string) bool {
	return version != "" && versions.LessThan(e.api.ClientVersion(), version)
}

// ended makes sure that the end of a log is that of its container.
func (p *process) ended(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	looked := make(chan error, 1)
	go func() { looked <- p.ran(ctx) }()
	select {
	case err := <-looked:
		return err
	case <-p.announced:
		return nil
	}
}

// ran is an error if the container runs still.
func (p *process) ran(ctx context.Context) error {
	c, err := p.exec.inspect(ctx, p.handle.Ref)
	if err == nil && c.State.Running {
		err = fmt.Errorf("its output was cut off: %w", executor.ErrUnreachable)
	}
	return err
}

// followAndCatchUp follows until the container's end, and reads then what has
// not come by that time. Once a container has ended, Podman leaves out lines at
// random for a follower who is behind. So what has come counts only if the
// container was seen to run after that.
// Source: sendLine of nxadm/tail, which drops a line or not while it is told to
// stop at the end.
func (p *process) followAndCatchUp(ctx context.Context, stdout, stderr *counted) error {
	if err := p.followWhileItRuns(ctx, stdout, stderr); err != nil {
		return err
	}
	stdout, stderr = stdout.rest(), stderr.rest()
	err := p.log(ctx, client.ContainerLogsOptions{}, func(log io.Reader) error { return split(log, stdout, stderr) })
	if err == nil || ctx.Err() != nil || stdout.err != nil || stderr.err != nil {
		return err
	}
	// The log of a container that is removed meanwhile breaks off with other words
	// in the middle.
	if _, gone := p.exec.inspect(ctx, p.handle.Ref); gone != nil {
		return gone
	}
	return err
}

func (p *process) followWhileItRuns(ctx context.Context, stdout, stderr *counted) error {
	ctx, cancel := context.WithCancel(ctx)
	h := newHeld()
	var following sync.WaitGroup
	defer following.Wait()
	defer h.close()
	defer cancel()
	copyAll := func(log io.Reader) error { return split(log, h.writer(stdout), h.writer(stderr)) }
	follow := sync.OnceFunc(func() {
		following.Go(func() {
			// Why it ends does not matter: the rest is read when the container has.
			err := p.log(ctx, client.ContainerLogsOptions{Follow: true}, copyAll)
			p.exec.log.Debug("following ended", "container", p.handle.ID, "error", err)
		})
	})
	n := 0 // were held before it was looked whether the container runs
	return p.pollEnd(ctx, func() error {
		follow()
		err := h.letGo(n)
		n = h.count()
		return err
	})
}

// log hands the container's log to whoever copies it.
func (p *process) log(ctx context.Context, o client.ContainerLogsOptions, copy func(io.Reader) error) error {
	o.ShowStdout, o.ShowStderr = true, true
	log, err := p.exec.api.ContainerLogs(ctx, p.handle.Ref, o)
	if err != nil {
		return p.exec.aboutContainer(ctx, err)
	}
	defer func() { _ = log.Close() }() // it was read to its end, or there is no use for the rest
	return p.exec.aboutContainer(ctx, copy(log))
}

// split copies both streams of a log to their writers. What came together is
// written together, and nothing is held back while the next part is awaited.
func split(log io.Reader, stdout, stderr io.Writer) error {
	const size = 64 << 10
	out, errs := bufio.NewWriterSize(stdout, size), bufio.NewWriterSize(stderr, size)
	_, err := stdcopy.StdCopy(out, errs, &flushing{r: log, out: out, errs: errs})
	return errors.Join(err, out.Flush(), errs.Flush())
}

// flushing is a reader that flushes the writers before it waits.
type flushing struct {
	r         io.Reader
	out, errs *bufio.Writer
}

func (f *flushing) Read(p []byte) (int, error) {
	if err := errors.Join(f.out.Flush(), f.errs.Flush()); err != nil {
		return 0, err
	}
	return f.r.Read(p)
}

// counted is a writer that knows how much it took, leaves out what it took
// before, and knows whether it failed.
type counted struct {
	w io.Writer
	// at is the place in the stream, and written how much of it was written.
	at, written int64
	err         error
}

func (c *counted) Write(p []byte) (int, error) {
	skipped := min(max(c.written-c.at, 0), int64(len(p)))
	c.at += skipped
	if skipped == int64(len(p)) {
		return len(p), nil
	}
	n, err := c.w.Write(p[skipped:])
	c.at += int64(n)
	c.written = c.at
	if err != nil {
		c.err = err
	}
	return n + int(skipped), err
}

// rest is the same writer for a log from its beginning, of which it has a part
// already.
func (c *counted) rest() *counted {
	c.at = 0
	return c
}
