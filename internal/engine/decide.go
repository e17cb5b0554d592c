package engine

import (
	"cmp"
	"fmt"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// decision is what a run does next: write an event, carry on with the open
// step (write nil), or nothing any more.
type decision struct {
	done  bool
	write event.Payload
}

// decide is pure: the job and the state alone determine what comes next.
func decide(j *job.Job, s event.State) (decision, error) {
	switch {
	case s.Phase == event.PhaseFinished:
		return decision{done: true}, nil
	case s.Open != nil:
		return decision{}, nil
	}
	next, ok, err := nextStep(j, s)
	if err != nil {
		return decision{}, err
	}
	if !ok {
		return finish(s, ""), nil
	}
	if limit := cmp.Or(s.Started.Options.MaxSteps, DefaultMaxSteps); s.Attempts >= limit {
		return finish(s, fmt.Sprintf("stopped after %d steps before %s: the limit of --max-steps is reached", limit, next)), nil
	}
	step, err := j.Step(next)
	if err != nil {
		return decision{}, err
	}
	return decision{write: starting(j, s, next, step)}, nil
}

// starting is the next visit, of a step of the job.
func starting(j *job.Job, s event.State, at job.Cursor, step *job.Step) event.StepStarting {
	visit := event.StepStarting{
		Attempt: s.Attempts + 1, At: at, Action: step.Action,
		ContainerID: ContainerID(s.RunID, s.Attempts+1), Duration: step.Duration,
	}
	if act, ok := j.Actions[step.Action]; ok {
		visit.Image = act.Reference()
	}
	return visit
}

// nextStep walks the state machine, across to the remediate workflow when a
// step asked for it.
func nextStep(j *job.Job, s event.State) (job.Cursor, bool, error) {
	if s.Last == nil {
		return s.Started.Start, true, nil
	}
	next, ok, err := j.Next(s.Last.At, s.Last.Outcome)
	if err != nil || ok {
		return next, ok, err
	}
	stopped := j.StopOnFailure && s.Last.Outcome != job.Success
	if !s.Remediate || stopped {
		return job.Cursor{}, false, nil
	}
	next, ok = j.Remediation(s.Last.At)
	return next, ok, nil
}

// finish ends the run; limit is why it ends before its time, if it does.
func finish(s event.State, limit string) decision {
	status, message := s.Status()
	if limit != "" {
		status, message = job.Failure, limit
	}
	return decision{write: event.RunFinished{Status: status, Message: message, Steps: s.Attempts}}
}

// ContainerID is the ID under which the container of an attempt is started.
func ContainerID(runID string, attempt int) string {
	return fmt.Sprintf("kog-%s-%d", runID, attempt)
}
