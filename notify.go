package kog

import (
	"context"
	"errors"
	"path/filepath"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// notifyDir is the folder of the notifiers in a run's folder.
const notifyDir = "notify"

// Notifiers tell others what happens in runs; see the package notify. Nothing
// that goes wrong with them can stop a run. Runs call them at the same time.
type Notifiers interface {
	// Begin comes first for each run that is executed or resumed. Files go into
	// dir, which need not exist; an earlier process may have left some there.
	Begin(run, dir string, j *job.Job)
	// Handle hears every event, as a Sink does. In a run that is resumed those
	// of the past come again, from the first.
	Handle(ctx context.Context, e event.Event, after event.State)
	// End comes last for each run, whether it is finished or left. It may wait
	// for a while, but not longer than ctx. What it returns stands in Result.
	End(ctx context.Context, run string) (status, message string)
}

// sink is who hears the events of a run.
func (r *Runner) sink() Sink {
	switch {
	case r.Notifiers == nil:
		return r.Sink
	case r.Sink == nil:
		return r.Notifiers
	}
	return sinks{r.Sink, r.Notifiers}
}

// sinks hear events in their order.
type sinks []Sink

func (s sinks) Handle(ctx context.Context, e event.Event, after event.State) {
	for _, sink := range s {
		sink.Handle(ctx, e, after)
	}
}

// beginNotify prepares the notifiers, and tells them the past of a run that
// another process began.
func (r *Runner) beginNotify(ctx context.Context, j *job.Job, d drive) error {
	if r.Notifiers == nil {
		return nil
	}
	told, err := maskedJob(d.mask, j)
	if err != nil {
		return err
	}
	r.Notifiers.Begin(d.dir.ID(), filepath.Join(r.store().Dir(d.dir.ID()), notifyDir), told)
	if d.state.Phase == event.PhaseNew {
		return nil
	}
	var state event.State
	err = r.store().Read(d.dir.ID(), func(e event.Event) (err error) {
		if state, err = state.Apply(e); err == nil {
			r.Notifiers.Handle(ctx, e, state)
		}
		return err
	})
	if err != nil {
		r.Notifiers.End(ctx, d.dir.ID())
	}
	return err
}

func (r *Runner) endNotify(ctx context.Context, run string) (status, message string) {
	if r.Notifiers == nil {
		return "", ""
	}
	return r.Notifiers.End(ctx, run)
}

// finished gives the result of a run that has ended, after telling what the
// process that ended it could not.
func (r *Runner) finished(ctx context.Context, j *job.Job, d drive) (Result, error) {
	res := result(d.state, d.mask)
	err := r.beginNotify(ctx, j, d)
	if err == nil {
		res.NotifyStatus, res.NotifyMessage = r.endNotify(ctx, res.RunID)
	}
	return res, errors.Join(err, d.dir.Close())
}
