// Package engine drives one run: fold, decide, write, act.
//
// Nothing is remembered outside the journal. A run that another process began
// goes on in the same loop, from the replayed state.
package engine

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// Labels that every container of a run carries.
const (
	LabelRun         = "io.kog.run"
	LabelCorrelation = "io.kog.correlation-id"
	LabelJob         = "io.kog.job"
	LabelWorkflow    = "io.kog.workflow"
	LabelStep        = "io.kog.step"
	LabelAttempt     = "io.kog.attempt"
)

// Defaults of event.Options. The engine itself uses them for a zero MaxSteps
// or StartTimeout; a zero Grace kills at once.
const (
	DefaultMaxSteps     = 1000
	DefaultStartTimeout = 15 * time.Minute
	DefaultGrace        = 10 * time.Second
)

// Journal is where decisions are written before they are acted on. Append
// returns once the event is durable; its failure stops the run, and Append is
// not called again.
type Journal interface {
	Append(ctx context.Context, e event.Event) error
}

// Sink hears every event after it was written, and events that are never
// written (event.StepProgress), one at a time. Handle should return soon: the
// run waits for it. Its errors are its own business.
type Sink interface {
	Handle(ctx context.Context, e event.Event, after event.State)
}

// Output gives the writers for the output of one attempt. It may be called
// more than once for an attempt: each time the output comes again from its
// beginning. The engine closes what it gets.
type Output interface {
	Open(run string, step event.OpenStep) (stdout, stderr io.WriteCloser, err error)
}

// Config is what a run needs besides its state. Job, Executor and Journal are
// required.
type Config struct {
	Job      *job.Job
	Executor executor.Executor
	Journal  Journal
	Sink     Sink
	Output   Output
	// BaseEnv lies under every action's own env, Env over it.
	BaseEnv map[string]string
	Env     map[string]string
	Volumes []executor.Volume
	// Logging is handed to containers in the context.
	Logging action.Logging
	// Interrupt asks for an orderly end: each value received stops the open
	// step, or the next one, with outcome abort, and the run goes on along its
	// abort edge.
	Interrupt <-chan struct{}
	Logger    *slog.Logger
	// Mask gives an event the form in which it is written and told. Containers
	// get what is in the event itself. nil leaves every event as it is.
	Mask func(event.Payload) (event.Payload, error)
	// Redact changes what a container printed before a message quotes it; nil
	// leaves it.
	Redact func(string) string
}

// Entry is where a run is entered.
type Entry struct {
	// Run is the run's ID.
	Run string
	// State is the zero state for a new run, else what its journal says,
	// without any masking. Written is the same with it, as Sink is told; it
	// counts only when there is a Mask.
	State, Written event.State
	// Opening is written first: event.RunStarted for a new run, else
	// event.RunResumed.
	Opening event.Payload
}

// Run takes a run from where it is entered to its end. It returns the last
// state that was written, without any masking.
//
// When ctx ends, Run returns at once with its cause; containers are left as
// they are and the run can go on later. An error means that kog could not do
// its work (the journal cannot be written, the engine is gone): it says nothing
// about the run, which can go on later too. Outcomes are never errors.
func Run(ctx context.Context, cfg Config, at Entry) (event.State, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Mask == nil {
		cfg.Mask = func(p event.Payload) (event.Payload, error) { return p, nil }
		at.Written = at.State
	}
	r := &run{cfg: cfg, state: at.State, written: at.Written, id: at.Run}
	if err := r.write(ctx, at.Opening); err != nil {
		return r.state, err
	}
	r.cleaner = newCleaner(ctx, cfg.Executor)
	defer r.cleaner.close()
	for _, l := range r.state.Leftovers {
		if err := r.remove(ctx, removal{leftover: l, labels: attemptLabels(r.id, l.Attempt)}); err != nil {
			return r.state, err
		}
	}
	err := r.drive(ctx)
	return r.state, err
}

// run is one call of Run. Its fields belong to the goroutine of that call,
// except what mu guards.
type run struct {
	cfg     Config
	id      string
	state   event.State
	written event.State // the same, as the journal and the sink have it
	cleaner *cleaner

	mu sync.Mutex // serialises calls of cfg.Sink
}

func (r *run) drive(ctx context.Context) error {
	for {
		if ctx.Err() != nil {
			return r.left(ctx)
		}
		d, err := decide(r.cfg.Job, r.state)
		if err != nil {
			return fmt.Errorf("run %s: %w", r.id, err)
		}
		if d.done {
			return r.settle(ctx)
		}
		if _, last := d.write.(event.RunFinished); last {
			if err := r.settle(ctx); err != nil {
				return err
			}
			r.sweep(ctx)
			if ctx.Err() != nil {
				return r.left(ctx)
			}
		}
		if d.write != nil {
			if err := r.write(ctx, d.write); err != nil {
				return err
			}
			continue
		}
		if err := r.step(ctx); err != nil {
			return err
		}
	}
}

// write makes an event durable, folds it and tells the sink. The journal gets
// a context that does not end with ctx: a decision is written whole or the run
// stops.
func (r *run) write(ctx context.Context, p event.Payload) error {
	e := event.Event{Seq: r.state.Seq + 1, Time: time.Now().UTC(), Run: r.id, Payload: p}
	next, err := r.state.Apply(e)
	if err == nil {
		e.Payload, err = r.cfg.Mask(p)
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", r.id, err)
	}
	written, err := r.written.Apply(e)
	if err != nil {
		return fmt.Errorf("run %s: %w", r.id, err)
	}
	if err := r.cfg.Journal.Append(context.WithoutCancel(ctx), e); err != nil {
		return fmt.Errorf("run %s: write journal: %w", r.id, err)
	}
	r.state, r.written = next, written
	r.tell(ctx, e, written)
	return nil
}

// progress tells the sink something that is not written.
func (r *run) progress(ctx context.Context, open event.OpenStep, after event.State) func(executor.Progress) {
	return func(p executor.Progress) {
		payload, err := r.cfg.Mask(event.StepProgress{
			Attempt: open.Attempt, At: open.At, Message: p.Message, Warning: p.Warning, Done: p.Done, Total: p.Total,
		})
		if err == nil {
			r.tell(ctx, event.Event{Time: time.Now().UTC(), Run: r.id, Payload: payload}, after)
		}
	}
}

func (r *run) tell(ctx context.Context, e event.Event, after event.State) {
	if r.cfg.Sink == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cfg.Sink.Handle(ctx, e, after)
}

// left is the error of a run that is left as it is because ctx ended.
func (r *run) left(ctx context.Context) error {
	return fmt.Errorf("run %s: left as it is: %w", r.id, context.Cause(ctx))
}

// interrupted reports whether an interrupt is pending, and takes it.
func (r *run) interrupted() bool {
	select {
	case _, ok := <-r.cfg.Interrupt:
		return ok
	default:
		return false
	}
}
