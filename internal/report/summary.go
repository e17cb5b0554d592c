package report

import (
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// Unfinished stands in the place of an outcome where there is none: kog was
// ended, or could not go on.
const Unfinished job.Outcome = "unfinished"

// Summary is a run without its visits.
type Summary struct {
	RunID, CorrelationID, Task string
	JobSource                  string
	Executor, KogVersion       string
	Start                      job.Cursor
	// Began is the time of the first event, Ended that of the run's end, or of
	// the last event when it has not ended.
	Began, Ended time.Time
	// Status is Unfinished while the run has not ended.
	Status  job.Outcome
	Message string
	// Visits counts the visits of steps by outcome, Total all of them.
	Visits map[job.Outcome]int
	Total  int
	// Resumed is how often another process took the run over.
	Resumed int
	// Leftovers are containers that are not known to be removed.
	Leftovers []string

	// last is the sequence number up to which the journal is reported, so that
	// both readings of a run that goes on tell the same.
	last uint64
	// latest is the latest attempt of each step.
	latest map[job.Cursor]int
	// counting are the steps whose latest result is not success, with it.
	counting map[job.Cursor]job.Outcome
}

// Took is how long the run took, or has taken so far.
func (s Summary) Took() time.Duration { return s.Ended.Sub(s.Began) }

// troubles counts the visits that were no success.
func (s Summary) troubles() int { return s.Total - s.Visits[job.Success] }

// sumUp reads the journal to its end.
func sumUp(src Source) (Summary, error) {
	s := Summary{
		Status: Unfinished, Visits: map[job.Outcome]int{},
		latest: map[job.Cursor]int{}, counting: map[job.Cursor]job.Outcome{},
	}
	var state event.State
	err := src.Events(func(e event.Event) (err error) {
		if state, err = state.Apply(e); err != nil {
			return err
		}
		if state.Phase == event.PhaseRunning {
			s.Ended = e.Time
		}
		switch p := e.Payload.(type) {
		case event.RunResumed:
			s.Resumed++
		case event.StepStarting:
			s.latest[p.At] = p.Attempt
		case event.StepFinished:
			s.Visits[p.Outcome]++
		case event.RunFinished:
			s.Status, s.Message, s.Ended = p.Status, p.Message, e.Time
		}
		return nil
	})
	if err != nil {
		return Summary{}, err
	}
	if state.Phase == event.PhaseNew {
		return Summary{}, errNoRun
	}
	s.fill(state)
	return s, nil
}

// fill takes over what the last state tells.
func (s *Summary) fill(state event.State) {
	p := state.Started
	s.RunID, s.CorrelationID, s.Task, s.JobSource = state.RunID, p.CorrelationID, p.Task, p.JobSource
	s.Executor, s.KogVersion, s.Start = p.Executor, p.KogVersion, p.Start
	s.Began, s.Total, s.last = state.StartedAt, state.Attempts, state.Seq
	if s.Status == Unfinished {
		_, s.Message = state.Status()
	}
	for _, r := range state.Troubles {
		s.counting[r.At] = r.Outcome
	}
	if state.Open != nil {
		s.Visits[Unfinished]++
		s.counting[state.Open.At] = Unfinished
	}
	for _, l := range state.Leftovers {
		s.Leftovers = append(s.Leftovers, l.ContainerID)
	}
}
