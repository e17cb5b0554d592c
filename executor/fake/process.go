package fake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// process is a client's hold on a container.
type process struct {
	host *Host
	c    *container
}

func (p *process) begin(op Op) call { return p.host.begin(op, p.c.spec.ID, p.c.spec.Labels) }

func (p *process) fail(op Op, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s container %s: %w", op, p.c.spec.ID, err)
}

func (p *process) Handle() executor.Handle {
	return executor.Handle{Executor: Name, ID: p.c.spec.ID}
}

func (p *process) Follow(ctx context.Context, stdout, stderr io.Writer) error {
	c := p.begin(OpFollow)
	if err := c.before(ctx); err != nil {
		return p.fail(OpFollow, err)
	}
	cutOut, cutErr := c.cut(stdout, stderr)
	err := p.copyOutput(ctx, cutOut, cutErr)
	if errors.Is(err, errCut) {
		if err = c.fault.strike(ctx); err == nil {
			err = io.ErrUnexpectedEOF
		}
	}
	if err == nil {
		err = c.after(ctx)
	}
	return p.fail(OpFollow, err)
}

func (p *process) copyOutput(ctx context.Context, stdout, stderr io.Writer) error {
	var at position
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if p.c.isGone() {
			return executor.ErrNotFound
		}
		data, end, changed := p.c.output.next(&at)
		switch {
		case end:
			return nil
		case changed != nil:
			select {
			case <-changed:
			case <-p.c.gone:
			case <-ctx.Done():
			}
			continue
		}
		w := stdout
		if data.stderr {
			w = stderr
		}
		if n, err := w.Write(data.data); err != nil {
			return err
		} else if n < len(data.data) {
			return io.ErrShortWrite
		}
	}
}

func (p *process) Wait(ctx context.Context) (executor.Exit, error) {
	c := p.begin(OpWait)
	err := c.before(ctx)
	if err == nil {
		err = p.c.wait(ctx)
	}
	if err == nil {
		err = c.after(ctx)
	}
	if err == nil && p.c.isGone() {
		err = executor.ErrNotFound
	}
	if err != nil {
		return executor.Exit{}, p.fail(OpWait, err)
	}
	return p.c.exit, nil
}

// wait returns nil when the program has ended, which is never before it has
// returned.
func (c *container) wait(ctx context.Context) error {
	if c.isGone() {
		return executor.ErrNotFound
	}
	select {
	case <-c.ended:
		return nil
	case <-c.gone:
		return executor.ErrNotFound
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *process) Stop(ctx context.Context, grace time.Duration) error {
	c := p.begin(OpStop)
	err := c.before(ctx)
	if err == nil {
		err = p.c.stop(ctx, grace)
	}
	if errors.Is(err, executor.ErrNotFound) {
		err = nil
	}
	if err == nil {
		err = c.after(ctx)
	}
	return p.fail(OpStop, err)
}

func (c *container) stop(ctx context.Context, grace time.Duration) error {
	if c.hasEnded() {
		return nil
	}
	if grace > 0 {
		c.terminate()
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-c.ended:
			return nil
		case <-c.gone:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
	c.kill(sigKill)
	return c.wait(ctx)
}

func (p *process) Remove(ctx context.Context) error {
	c := p.begin(OpRemove)
	err := c.before(ctx)
	if err == nil {
		_, err = p.host.remove(ctx, p.c)
	}
	if err == nil {
		err = c.after(ctx)
	}
	return p.fail(OpRemove, err)
}

// remove ends a container, waits for its program and forgets it. It reports
// whether this call was the one that did.
func (h *Host) remove(ctx context.Context, c *container) (bool, error) {
	c.kill(sigKill)
	select {
	case <-c.ended:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	wasThere := h.containers[c.spec.ID] == c
	if wasThere {
		delete(h.containers, c.spec.ID)
	}
	removed := wasThere && !c.isGone()
	c.vanish()
	return removed, nil
}
