package report

import (
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// Visit is one visit of a step.
type Visit struct {
	Attempt int
	At      job.Cursor
	// Latest: the step was not visited again, so this result counts for the
	// status of the run. NextAttempt is otherwise the latest visit.
	Latest      bool
	NextAttempt int
	Action      string
	// Image is the reference as the job has it, Pinned what it stood for; empty
	// when no container ran.
	Image, Pinned string
	// Starting is when the visit began, Started when its container ran (zero
	// when none did), Ended when the visit was over, or the time of the last
	// event when it is not.
	Starting, Started, Ended time.Time
	// Limit is that of Started to the end, 0 for none.
	Limit time.Duration
	// Outcome is Unfinished when the visit is not over.
	Outcome job.Outcome
	RC      int
	// ExitCode is the container's, nil when none ended.
	ExitCode *int
	Message  string
	Warnings []string
	// Remediate: the step asked for the remediate workflow.
	Remediate bool
	Changes   Changes
	Stdout    Log
	Stderr    Log
}

// Took is how long the container ran; when none did, how long the visit took.
func (v Visit) Took() time.Duration {
	if v.Started.IsZero() {
		return v.Ended.Sub(v.Starting)
	}
	return v.Ended.Sub(v.Started)
}

// Waited is the time before the container ran, 0 when none did.
func (v Visit) Waited() time.Duration {
	if v.Started.IsZero() {
		return 0
	}
	return v.Started.Sub(v.Starting)
}

// Counts reports whether this visit makes the run's status something else than
// success.
func (v Visit) Counts() bool { return v.Outcome != job.Success && v.Latest }

// opened is the part of a visit that is known while it is open.
func opened(open event.OpenStep, pinned string) Visit {
	v := Visit{
		Attempt: open.Attempt, At: open.At, Action: open.Action,
		Image: open.Image, Pinned: pinned,
		Starting: open.StartingAt, Started: open.StartedAt, Limit: open.Duration,
		Outcome: Unfinished,
	}
	if open.Stopping != nil {
		v.Message = "being stopped: " + open.Stopping.Reason
	}
	return v
}

// finish adds the end.
func (v *Visit) finish(p event.StepFinished, at time.Time) {
	v.Ended, v.Outcome, v.RC, v.ExitCode = at, p.Outcome, p.RC, p.ExitCode
	v.Message, v.Warnings, v.Remediate = p.Message, p.Warnings, p.Remediate
}
