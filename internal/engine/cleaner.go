package engine

import (
	"context"
	"errors"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor"
)

// removeTimeout bounds the removal of one container.
const removeTimeout = 30 * time.Second

// sweepTimeout bounds the removal of what the containers of a run shared.
const sweepTimeout = 2 * time.Minute

// maxRemovals is how many finished containers may wait for their removal.
const maxRemovals = 16

// removal asks for the end of one finished container. proc is nil when only
// the handle is known, and the handle is nil when only the labels are.
type removal struct {
	leftover event.Leftover
	proc     executor.Process
	labels   map[string]string
}

type removed struct {
	attempt int
	err     error
}

// cleaner removes finished containers while the next step runs. One goroutine
// does it, close waits for it.
type cleaner struct {
	exec    executor.Executor
	jobs    chan removal
	results chan removed
	pending int
	stopped chan struct{}
}

func newCleaner(ctx context.Context, exec executor.Executor) *cleaner {
	c := &cleaner{
		exec:    exec,
		jobs:    make(chan removal, maxRemovals),
		results: make(chan removed, maxRemovals),
		stopped: make(chan struct{}),
	}
	go func() {
		defer close(c.stopped)
		for j := range c.jobs {
			// An engine that is away comes back with the container.
			away := func(err error) bool { return errors.Is(err, executor.ErrEngineGone) }
			err := retryWhile(ctx, away, func() error { return c.remove(ctx, j) })
			c.results <- removed{attempt: j.leftover.Attempt, err: err}
		}
	}()
	return c
}

// remove works in its own time: a run that is left does not leave a removal half done.
func (c *cleaner) remove(ctx context.Context, j removal) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	proc := j.proc
	if proc == nil && j.leftover.Handle != nil {
		var err error
		if proc, err = attach(ctx, c.exec, j.leftover.Handle); errors.Is(err, executor.ErrNotFound) {
			proc = nil
		} else if err != nil {
			return err
		}
	}
	if proc == nil {
		_, err := c.exec.Sweep(ctx, j.labels)
		return err
	}
	return proc.Remove(ctx)
}

// close waits for the removals under way. Results that nobody took are lost:
// the journal still lists those containers.
func (c *cleaner) close() {
	close(c.jobs)
	for {
		select {
		case <-c.results:
		case <-c.stopped:
			return
		}
	}
}

// remove hands a container to the cleaner and writes down which are gone.
func (r *run) remove(ctx context.Context, j removal) error {
	if err := r.collect(ctx, maxRemovals-1); err != nil {
		return err
	}
	r.cleaner.jobs <- j
	r.cleaner.pending++
	return nil
}

// settle waits for all removals. Problems are events, never errors.
func (r *run) settle(ctx context.Context) error { return r.collect(ctx, 0) }

// sweep removes what the containers of a run shared. Trouble is told and
// changes nothing.
func (r *run) sweep(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	err := retry(limited, func() error {
		_, err := r.cfg.Executor.Sweep(limited, map[string]string{LabelRun: r.id})
		return err
	})
	if err != nil && ctx.Err() == nil {
		r.cfg.Logger.Warn("cannot remove what the steps of the run shared", "run", r.id, "error", err)
	}
}

// collect writes down finished removals, and waits until at most allowed ones
// are under way.
func (r *run) collect(ctx context.Context, allowed int) error {
	for r.cleaner.pending > 0 {
		var done removed
		if r.cleaner.pending > allowed {
			select {
			case done = <-r.cleaner.results:
			case <-ctx.Done():
				return r.left(ctx)
			}
		} else {
			select {
			case done = <-r.cleaner.results:
			default:
				return nil
			}
		}
		r.cleaner.pending--
		p := event.StepRemoved{Attempt: done.attempt}
		if done.err != nil {
			p.Error = done.err.Error()
		}
		if err := r.write(ctx, p); err != nil {
			return err
		}
	}
	return nil
}
