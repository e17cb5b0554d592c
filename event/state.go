package event

import (
	"encoding/json"
	"time"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// MaxResults is how many of the latest results a State keeps. They are handed
// to containers as step_results; keeping all of them would make the context of
// a long run pass every limit.
const MaxResults = 100

// Phase is where a run stands.
type Phase string

// The phases of a run. A step's own phase is read from State.Open.
const (
	PhaseNew      Phase = ""
	PhaseRunning  Phase = "running"
	PhaseFinished Phase = "finished"
)

// State is all that is known of a run: the fold of its events. The zero State
// is a run before its first event. States are values: Apply never changes the
// one it is called on, and what a State points to must not be changed.
type State struct {
	// Seq is the sequence number of the last event applied.
	Seq   uint64
	RunID string
	Phase Phase
	// Started is the run's first event, StartedAt its time.
	Started   RunStarted
	StartedAt time.Time
	// Values is the current context, without kog's own keys.
	Values job.Values
	// Attempts counts the visits of steps that began.
	Attempts int
	// Open is the step that began and has not finished, nil between steps.
	Open *OpenStep
	// Last is the latest finished visit, nil before the first.
	Last *Result
	// Results are the latest MaxResults results, oldest first.
	Results []Result
	// Troubles are the steps whose latest result is not success, in the order
	// of those results.
	Troubles []Result
	// Remediate: some step asked for the remediate workflow, which has not
	// been entered yet.
	Remediate bool
	// Images maps references of the job to what they stood for when this run
	// first used them.
	Images map[string]string
	// Leftovers are the finished attempts whose container is not known to be removed.
	Leftovers []Leftover
	// Finished is the last event, nil while the run is not finished.
	Finished *RunFinished
}

// OpenStep is a step between StepStarting and StepFinished.
type OpenStep struct {
	StepStarting
	StartingAt time.Time
	// Handle is nil until the container is known to run; StartedAt is then the
	// time from which its duration counts.
	Handle    json.RawMessage
	StartedAt time.Time
	// Stopping is set once it was decided to end the step.
	Stopping   *StepStopping
	StoppingAt time.Time
}

// Result is the result of one visit of a step, without its context.
type Result struct {
	Attempt int         `json:"attempt"`
	At      job.Cursor  `json:"at"`
	Action  string      `json:"action"`
	Outcome job.Outcome `json:"outcome"`
	RC      int         `json:"rc"`
	Message string      `json:"message"`
}

// Leftover is a container that has to be removed still.
type Leftover struct {
	Attempt     int
	ContainerID string
	// Handle is nil when the container may exist although its start was never
	// confirmed.
	Handle json.RawMessage
}

// Status is the status and message of the run so far: the first step, in the
// order of the steps' latest results, whose latest result is not success; when
// there is none, success and the last message.
func (s State) Status() (status job.Outcome, message string) {
	if len(s.Troubles) > 0 {
		return s.Troubles[0].Outcome, s.Troubles[0].Message
	}
	if s.Last != nil {
		return job.Success, s.Last.Message
	}
	return job.Success, ""
}
