package event

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// Errors of Apply.
var (
	errNotStarted = errors.New("the run has not started")
	errStarted    = errors.New("the run has started already")
	errFinished   = errors.New("the run has finished already")
	errNoStep     = errors.New("no step is open")
	errOpenStep   = errors.New("a step is open already")
)

// Apply gives the state after an event. An event that cannot follow s is an
// error: the journal is damaged, or belongs to another run.
func (s State) Apply(e Event) (State, error) {
	next, err := s.apply(e)
	if err != nil {
		return s, fmt.Errorf("apply event %d (%s): %w", e.Seq, e.Payload.Kind(), err)
	}
	return next, nil
}

func (s State) apply(e Event) (State, error) {
	if _, transient := e.Payload.(StepProgress); transient {
		return s, nil
	}
	if err := s.admits(e); err != nil {
		return s, err
	}
	s.Seq = e.Seq
	switch p := e.Payload.(type) {
	case RunStarted:
		return s.runStarted(e, p), nil
	case RunResumed:
		return s, nil
	case StepStarting:
		return s.stepStarting(e, p)
	case StepStarted:
		return s.stepStarted(e, p)
	case StepStopping:
		return s.stepStopping(e, p)
	case StepFinished:
		return s.stepFinished(p)
	case StepRemoved:
		return s.stepRemoved(p), nil
	case RunFinished:
		return s.runFinished(p)
	}
	return s, fmt.Errorf("unknown payload %T", e.Payload)
}

// admits checks what holds for every event: the envelope, and the phase.
func (s State) admits(e Event) error {
	if e.Seq != s.Seq+1 {
		return fmt.Errorf("sequence number %d follows %d", e.Seq, s.Seq)
	}
	if s.Phase != PhaseNew && e.Run != s.RunID {
		return fmt.Errorf("run %q in the journal of run %q", e.Run, s.RunID)
	}
	_, first := e.Payload.(RunStarted)
	_, removed := e.Payload.(StepRemoved)
	_, resumed := e.Payload.(RunResumed)
	switch {
	case s.Phase == PhaseNew && !first:
		return errNotStarted
	case s.Phase != PhaseNew && first:
		return errStarted
	case s.Phase == PhaseFinished && !removed && !resumed:
		return errFinished
	}
	return nil
}

func (s State) runStarted(e Event, p RunStarted) State {
	s.Phase, s.RunID, s.Started, s.StartedAt = PhaseRunning, e.Run, p, e.Time
	s.Values = p.Context
	return s
}

func (s State) stepStarting(e Event, p StepStarting) (State, error) {
	if s.Open != nil {
		return s, errOpenStep
	}
	if p.Attempt != s.Attempts+1 {
		return s, fmt.Errorf("attempt %d follows %d", p.Attempt, s.Attempts)
	}
	s.Attempts = p.Attempt
	s.Open = &OpenStep{StepStarting: p, StartingAt: e.Time}
	if s.Last != nil && s.Last.At.Workflow != p.At.Workflow {
		s.Remediate = false
	}
	return s, nil
}

func (s State) stepStarted(e Event, p StepStarted) (State, error) {
	open, err := s.openStep(p.Attempt)
	if err != nil {
		return s, err
	}
	open.Handle, open.StartedAt = p.Handle, e.Time
	s.Open = &open
	if p.Pinned != "" && s.Images[p.Image] != p.Pinned {
		images := maps.Clone(s.Images)
		if images == nil {
			images = map[string]string{}
		}
		images[p.Image] = p.Pinned
		s.Images = images
	}
	return s, nil
}

func (s State) stepStopping(e Event, p StepStopping) (State, error) {
	open, err := s.openStep(p.Attempt)
	if err != nil {
		return s, err
	}
	open.Stopping, open.StoppingAt = &p, e.Time
	s.Open = &open
	return s, nil
}

func (s State) stepFinished(p StepFinished) (State, error) {
	open, err := s.openStep(p.Attempt)
	if err != nil {
		return s, err
	}
	if !p.Outcome.Valid() {
		return s, fmt.Errorf("unknown outcome %q", p.Outcome)
	}
	r := Result{
		Attempt: p.Attempt, At: p.At, Action: open.Action,
		Outcome: p.Outcome, RC: p.RC, Message: p.Message,
	}
	s.Open, s.Last = nil, &r
	s.Results = append(slices.Clone(s.Results[max(0, len(s.Results)+1-MaxResults):]), r)
	s.Troubles = slices.DeleteFunc(slices.Clone(s.Troubles), func(t Result) bool { return t.At == r.At })
	if r.Outcome != job.Success {
		s.Troubles = append(s.Troubles, r)
	}
	if p.Context != nil {
		s.Values = *p.Context
	}
	s.Remediate = s.Remediate || p.Remediate
	if !p.Clean {
		s.Leftovers = append(slices.Clone(s.Leftovers), Leftover{
			Attempt: p.Attempt, ContainerID: open.ContainerID, Handle: open.Handle,
		})
	}
	return s, nil
}

// stepRemoved forgets a leftover when it is gone; a failed removal keeps it,
// so that the next process to take the run over tries again.
func (s State) stepRemoved(p StepRemoved) State {
	if p.Error != "" {
		return s
	}
	s.Leftovers = slices.DeleteFunc(slices.Clone(s.Leftovers), func(l Leftover) bool { return l.Attempt == p.Attempt })
	return s
}

func (s State) runFinished(p RunFinished) (State, error) {
	if s.Open != nil {
		return s, errOpenStep
	}
	s.Phase, s.Finished = PhaseFinished, &p
	return s, nil
}

func (s State) openStep(attempt int) (OpenStep, error) {
	if s.Open == nil {
		return OpenStep{}, errNoStep
	}
	if s.Open.Attempt != attempt {
		return OpenStep{}, fmt.Errorf("attempt %d, but attempt %d is open", attempt, s.Open.Attempt)
	}
	return *s.Open, nil
}
