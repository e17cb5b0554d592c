package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// step carries the open step on from wherever it stands to its StepFinished.
func (r *run) step(ctx context.Context) error {
	open := *r.state.Open
	switch {
	case open.Handle != nil:
		return r.reattach(ctx, open)
	case open.Stopping != nil:
		// It was decided to end the step before its start was confirmed.
		return r.finishStep(ctx, nil, stopped(open))
	case r.interrupted():
		return r.finishStep(ctx, nil, notRun(open, rcInterrupted, "interrupted before it started"))
	}
	if why := r.visit(open).refuse(); why != "" {
		return r.finishStep(ctx, nil, notRun(open, rcNotRun, why))
	}
	return r.start(ctx, open)
}

// started is what bringing a container up gave.
type started struct {
	proc  executor.Process
	image executor.Image
	// clean: no container can exist.
	clean bool
	err   error
}

// start brings the container up, within the start timeout, unless an
// interrupt comes first.
func (r *run) start(ctx context.Context, open event.OpenStep) error {
	upCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	up := make(chan started, 1)
	var latest warning
	v, tell := r.visit(open), latest.keep(r.progress(ctx, open, r.written))
	go func() { up <- v.bringUp(upCtx, tell) }()

	limit := startLimit(r.state.Started.Options)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	stop := event.StepStopping{Attempt: open.Attempt, Outcome: job.Abort}
	select {
	case got := <-up:
		return r.cameUp(ctx, open, got)
	case <-ctx.Done():
		cancel()
		<-up
		return r.left(ctx)
	case <-timer.C:
		stop.RC, stop.Reason = rcNotRun, fmt.Sprintf("did not start within %s%s", limit, latest.suffix())
	case <-r.cfg.Interrupt:
		stop.RC, stop.Reason = rcInterrupted, "interrupted while it was starting"
	}
	if err := r.write(ctx, stop); err != nil {
		cancel()
		<-up
		return err
	}
	cancel()
	got := <-up
	fin := stopped(*r.state.Open)
	fin.Clean = got.clean
	return r.finishStep(ctx, got.proc, fin)
}

func startLimit(opts event.Options) time.Duration {
	return cmp.Or(opts.StartTimeout, DefaultStartTimeout)
}

// warning keeps the latest warning that was told while a step starts. It is the
// best guess at why one does not.
type warning struct{ text atomic.Pointer[string] }

// keep passes on what is told.
func (w *warning) keep(tell func(executor.Progress)) func(executor.Progress) {
	return func(p executor.Progress) {
		if p.Warning {
			w.text.Store(&p.Message)
		}
		tell(p)
	}
}

// suffix is ": " and the warning, or "".
func (w *warning) suffix() string {
	if text := w.text.Load(); text != nil {
		return ": " + *text
	}
	return ""
}

// bringUp makes the image available and starts the container, again while the
// engine is away. It runs beside the loop.
func (v visit) bringUp(ctx context.Context, tell func(executor.Progress)) started {
	var got started
	clean := true
	away := func(err error) bool { return errors.Is(err, executor.ErrEngineGone) }
	_ = retryWhile(ctx, away, func() error {
		got = v.bringUpOnce(ctx, tell)
		if away(got.err) {
			clean = clean && got.clean
			tell(executor.Progress{Message: "trying again: " + got.err.Error(), Warning: true})
		}
		return got.err
	}) // got has the error
	got.clean = got.clean && clean
	return got
}

// image makes available what the step's reference means in this run. An image
// that was in no registry, and is gone from the engine, is asked for where it came
// from, an archive or kog itself, and counts if it is the same.
func (v visit) image(ctx context.Context, tell func(executor.Progress)) (executor.Image, error) {
	resolve := func(ref string, policy executor.PullPolicy) (executor.Image, error) {
		return v.cfg.Executor.Resolve(ctx, executor.ImageRequest{Ref: ref, Pull: policy, Progress: tell})
	}
	policy := executor.PullPolicy(v.state.Started.Options.Pull)
	pinned, ok := v.state.Images[v.open.Image]
	if !ok {
		return resolve(v.open.Image, policy)
	}
	img, err := resolve(pinned, policy)
	if !errors.Is(err, executor.ErrImageNotFound) || strings.Contains(pinned, "@") {
		return img, err
	}
	again, sourceErr := resolve(v.open.Image, executor.PullNever)
	switch {
	case sourceErr == nil && again.Pinned == pinned:
		return again, nil
	case sourceErr != nil && !errors.Is(sourceErr, executor.ErrImageNotFound):
		return executor.Image{}, sourceErr
	}
	return executor.Image{}, err
}

func (v visit) bringUpOnce(ctx context.Context, tell func(executor.Progress)) started {
	img, err := v.image(ctx, tell)
	if err != nil {
		return started{clean: true, err: err}
	}
	spec, err := v.spec(img)
	if err != nil {
		return started{clean: true, err: err}
	}
	spec.Progress = tell
	if err := spec.Check(); err != nil {
		return started{clean: true, err: err}
	}
	proc, err := v.cfg.Executor.Start(ctx, spec)
	return started{proc: proc, image: img, err: err}
}

// cameUp goes on after bringUp ended by itself. A container that could not be
// brought up is the step's abort, unless that was because ctx ended.
func (r *run) cameUp(ctx context.Context, open event.OpenStep, got started) error {
	if got.err != nil {
		if ctx.Err() != nil {
			return r.left(ctx)
		}
		fin := notRun(open, rcNotRun, fmt.Sprintf("cannot start: %v", got.err))
		fin.Clean = got.clean
		return r.finishStep(ctx, nil, fin)
	}
	handle, err := json.Marshal(got.proc.Handle())
	if err != nil {
		return fmt.Errorf("encode handle of %s: %w", open.ContainerID, err)
	}
	err = r.write(ctx, event.StepStarted{
		Attempt: open.Attempt, Handle: handle, Image: open.Image, Pinned: got.image.Pinned,
	})
	if err != nil {
		return err
	}
	return r.watch(ctx, *r.state.Open, got.proc)
}

// reattach finds the container of a step that an earlier process started.
func (r *run) reattach(ctx context.Context, open event.OpenStep) error {
	var proc executor.Process
	err := retry(ctx, func() (err error) {
		proc, err = attach(ctx, r.cfg.Executor, open.Handle)
		return err
	})
	switch {
	case errors.Is(err, executor.ErrNotFound):
		return r.finishStep(ctx, nil, conclude(open, ended{err: err}, nil))
	case err != nil:
		return fmt.Errorf("run %s: find container %s again: %w", r.id, open.ContainerID, err)
	}
	return r.watch(ctx, open, proc)
}

// finishStep writes the end of a step, then has its container removed.
func (r *run) finishStep(ctx context.Context, proc executor.Process, fin event.StepFinished) error {
	if err := r.write(ctx, fin); err != nil {
		return err
	}
	if fin.Clean {
		return nil
	}
	leftover := r.state.Leftovers[len(r.state.Leftovers)-1]
	return r.remove(ctx, removal{leftover: leftover, proc: proc, labels: attemptLabels(r.id, fin.Attempt)})
}

func attach(ctx context.Context, exec executor.Executor, raw json.RawMessage) (executor.Process, error) {
	var h executor.Handle
	if err := json.Unmarshal(raw, &h); err != nil {
		return nil, fmt.Errorf("decode handle: %w", err)
	}
	return exec.Attach(ctx, h)
}

// Calls to an engine that does not answer are made again: after 100 ms, twice
// as much each time up to retryMost, for retryFor in all. That is enough for an
// engine to be replaced by a newer one. A call that held for retryReset begins
// anew.
const (
	retryFirst = 100 * time.Millisecond
	retryMost  = 5 * time.Second
	retryFor   = 5 * time.Minute
	retryReset = time.Minute
)

// retry calls f again while it fails, except with ErrNotFound or when ctx ends.
// It returns the last error.
func retry(ctx context.Context, f func() error) error {
	return retryWhile(ctx, func(err error) bool { return !errors.Is(err, executor.ErrNotFound) }, f)
}

// retryWhile is retry for errors of one kind.
func retryWhile(ctx context.Context, again func(error) bool, f func() error) error {
	wait, first := retryFirst, time.Now()
	for {
		began := time.Now()
		err := f()
		if time.Since(began) >= retryReset {
			wait, first = retryFirst, time.Now()
		}
		if err == nil || !again(err) || time.Since(first) >= retryFor || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
		wait = min(2*wait, retryMost)
	}
}
