package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// stopSlack is how much longer than its grace a Stop may take before the step
// is concluded without it.
const stopSlack = 30 * time.Second

// watch follows a running container to its end, stops it at its deadline or at
// an interrupt, and finishes the step.
func (r *run) watch(ctx context.Context, open event.OpenStep, proc executor.Process) error {
	obsCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	obs := &observer{run: r.id, open: open, output: r.cfg.Output, redact: r.cfg.Redact, exec: r.cfg.Executor}
	done := make(chan ended, 1)
	go func() { done <- obs.observe(obsCtx, proc) }()

	end, err := r.await(ctx, obs, proc, done)
	if err != nil {
		cancel()
		<-done
		return err
	}
	if end == nil {
		// Stopping failed: the decision stands, the cleaner takes the container.
		cancel()
		lost := <-done
		end = &lost
	}
	open = *r.state.Open
	if end.err != nil && ctx.Err() != nil {
		return r.left(ctx) // watching ended with ctx, which says nothing about the container
	}
	if end.err != nil && !errors.Is(end.err, executor.ErrNotFound) && open.Stopping == nil {
		return fmt.Errorf("run %s: watch container %s: %w", r.id, open.ContainerID, end.err)
	}
	return r.finishStep(ctx, proc, conclude(open, *end, obs.result()))
}

// await waits for the container's end. It returns nil, nil when the container
// would not stop.
func (r *run) await(ctx context.Context, obs *observer, proc executor.Process, done chan ended) (*ended, error) {
	open := *r.state.Open
	if open.Stopping != nil {
		return r.stop(ctx, proc, done)
	}
	deadline, stopTimer := deadlineOf(open)
	defer stopTimer()
	stop := event.StepStopping{Attempt: open.Attempt}
	select {
	case end := <-done:
		return &end, nil
	case <-ctx.Done():
		return nil, r.left(ctx)
	case <-deadline:
		stop.Outcome, stop.RC = job.Timeout, rcTimeout
		stop.Reason = fmt.Sprintf("not finished within %s", open.Duration)
		stop.KeepResult = obs.hasResult()
	case <-r.cfg.Interrupt:
		stop.Outcome, stop.RC, stop.Reason = job.Abort, rcInterrupted, "interrupted"
	}
	if err := r.write(ctx, stop); err != nil {
		return nil, err
	}
	return r.stop(ctx, proc, done)
}

// deadlineOf gives a channel that fires at the step's deadline, never when it
// has none.
func deadlineOf(open event.OpenStep) (<-chan time.Time, func()) {
	if open.Duration <= 0 {
		return nil, func() {}
	}
	t := time.NewTimer(time.Until(open.StartedAt.Add(open.Duration)))
	return t.C, func() { t.Stop() }
}

// stop ends the container and waits until its end was observed.
func (r *run) stop(ctx context.Context, proc executor.Process, done chan ended) (*ended, error) {
	grace := r.state.Started.Options.Grace
	stopCtx, cancel := context.WithTimeout(ctx, grace+stopSlack)
	defer cancel()
	stopErr := retry(stopCtx, func() error { return proc.Stop(stopCtx, grace) })
	if ctx.Err() != nil {
		return nil, r.left(ctx)
	}
	if stopErr != nil && !errors.Is(stopErr, executor.ErrNotFound) {
		r.cfg.Logger.Warn("cannot stop container", "container", proc.Handle().ID, "error", stopErr)
		return nil, nil
	}
	select {
	case end := <-done:
		return &end, nil
	case <-ctx.Done():
		return nil, r.left(ctx)
	case <-stopCtx.Done():
		return nil, nil
	}
}

// observer copies a container's output and learns how it ended, across cut
// connections.
type observer struct {
	run    string
	open   event.OpenStep
	output Output
	redact func(string) string
	exec   executor.Executor

	mu      sync.Mutex
	scanner *action.Scanner
}

func (o *observer) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.scanner.Write(p)
}

// hasResult reports whether a result that can be used was printed already.
func (o *observer) hasResult() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.scanner == nil {
		return false
	}
	_, err := o.scanner.Result()
	return err == nil
}

// result gives the scanner after observe has returned.
func (o *observer) result() *action.Scanner {
	if o.scanner == nil {
		return &action.Scanner{}
	}
	return o.scanner
}

// observe reads the container to its end. After a lost connection it attaches
// again and reads from the beginning.
func (o *observer) observe(ctx context.Context, proc executor.Process) ended {
	var end ended
	find := o.finder(proc)
	again := func(err error) bool {
		return !errors.Is(err, executor.ErrNotFound) && !errors.As(err, &tired{})
	}
	err := retryWhile(ctx, again, func() (err error) {
		end, err = o.once(ctx, find)
		return err
	})
	end.err = err
	return end
}

// finder returns a function that gives a process once, and finds it anew after
// that.
func (o *observer) finder(proc executor.Process) func(context.Context) (executor.Process, error) {
	handle := proc.Handle()
	return func(ctx context.Context) (executor.Process, error) {
		if known := proc; known != nil {
			proc = nil
			return known, nil
		}
		return o.exec.Attach(ctx, handle)
	}
}

// tired is an error after which enough was tried.
type tired struct{ error }

func (t tired) Unwrap() error { return t.error }

// once copies the whole output and waits for the end, side by side. Whether an
// executor can go on with the output after a lost connection is its own matter,
// so it is not broken off when only the end cannot be asked for.
func (o *observer) once(ctx context.Context, find func(context.Context) (executor.Process, error)) (ended, error) {
	proc, err := find(ctx)
	if err != nil {
		return ended{}, err
	}
	o.mu.Lock()
	o.scanner = &action.Scanner{Redact: o.redact}
	o.mu.Unlock()
	var end ended
	logs := openLogs(o.output, o.run, o.open)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	followed := make(chan error, 1)
	go func() {
		err := proc.Follow(ctx, io.MultiWriter(o, logs.stdout), logs.stderr)
		if errors.Is(err, executor.ErrOutputLost) {
			end.lost, err = err, nil
		}
		if err != nil {
			cancel() // the end alone is not enough: read again
		}
		followed <- err
	}()
	wait := o.finder(proc)
	waitErr := retry(ctx, func() error {
		proc, err := wait(ctx)
		if err == nil {
			end.exit, err = proc.Wait(ctx)
		}
		return err
	})
	if waitErr != nil && ctx.Err() == nil {
		waitErr = tired{waitErr}
	}
	followErr := <-followed
	end.warnings = logs.close()
	// The end counts more: a container that is gone has no output to read.
	return end, errors.Join(waitErr, followErr)
}
