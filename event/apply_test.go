package event_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/job"
)

func cursor(step string) job.Cursor { return job.Cursor{Workflow: "run", Step: step} }

// fold applies payloads with a running sequence number.
func fold(s event.State, payloads ...event.Payload) (event.State, error) {
	for _, p := range payloads {
		var err error
		s, err = s.Apply(event.Event{Seq: s.Seq + 1, Run: "r", Time: time.Unix(int64(s.Seq), 0), Payload: p})
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// visit is one visit of a step without a container.
func visit(attempt int, step string, o job.Outcome) []event.Payload {
	return []event.Payload{
		event.StepStarting{Attempt: attempt, At: cursor(step), Action: "a", ContainerID: fmt.Sprint("c", attempt)},
		event.StepFinished{Attempt: attempt, At: cursor(step), Outcome: o, Message: fmt.Sprint(step, attempt), Clean: true},
	}
}

func TestStatusRule(t *testing.T) {
	for name, tc := range map[string]struct {
		visits  string // step:outcome ...
		status  job.Outcome
		message string
	}{
		"nothing yet":                        {"", job.Success, ""},
		"all good":                           {"a:success b:success", job.Success, "b2"},
		"failed, cleaned up":                 {"a:failure clean:success", job.Failure, "a1"},
		"first trouble counts":               {"a:abort b:failure", job.Abort, "a1"},
		"failed, then succeeded":             {"a:failure b:success a:success", job.Success, "a3"},
		"failed again":                       {"a:failure b:abort a:timeout", job.Abort, "b2"},
		"latest results in their order":      {"a:failure b:timeout a:failure", job.Timeout, "b2"},
		"one good, one still bad":            {"a:failure b:timeout a:success", job.Timeout, "b2"},
		"succeeded, then failed":             {"a:success b:success a:abort", job.Abort, "a3"},
		"same step in loop ends with abort":  {"a:failure a:failure a:abort", job.Abort, "a3"},
		"same step in loop ends with succes": {"a:failure a:abort a:success", job.Success, "a3"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := fold(event.State{}, event.RunStarted{})
			for i, v := range strings.Fields(tc.visits) {
				step, outcome, _ := strings.Cut(v, ":")
				if err == nil {
					s, err = fold(s, visit(i+1, step, job.Outcome(outcome))...)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			if status, message := s.Status(); status != tc.status || message != tc.message {
				t.Errorf("status %s, %q; want %s, %q", status, message, tc.status, tc.message)
			}
		})
	}
}

func TestApplyRefuses(t *testing.T) {
	begun := []event.Payload{event.RunStarted{}}
	open := append(begun, event.StepStarting{Attempt: 1, At: cursor("a")})
	done := append(begun, event.RunFinished{})
	for name, tc := range map[string]struct {
		before []event.Payload
		then   event.Payload
		want   string
	}{
		"step before the run":   {nil, event.StepStarting{Attempt: 1}, "not started"},
		"second start":          {begun, event.RunStarted{}, "started already"},
		"finish without a step": {begun, event.StepFinished{Attempt: 1, Outcome: job.Success}, "no step is open"},
		"second open step":      {open, event.StepStarting{Attempt: 2}, "open already"},
		"attempt out of order":  {begun, event.StepStarting{Attempt: 2}, "attempt 2 follows 0"},
		"another attempt":       {open, event.StepStarted{Attempt: 2}, "attempt 1 is open"},
		"stop another attempt":  {open, event.StepStopping{Attempt: 3}, "attempt 1 is open"},
		"fifth outcome":         {open, event.StepFinished{Attempt: 1, Outcome: "maybe"}, "unknown outcome"},
		"end with an open step": {open, event.RunFinished{}, "open already"},
		"step after the end":    {done, event.StepStarting{Attempt: 1}, "finished already"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := fold(event.State{}, tc.before...)
			if err != nil {
				t.Fatal(err)
			}
			after, err := fold(s, tc.then)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if diff := cmp.Diff(s, after); diff != "" {
				t.Errorf("a refused event changed the state:\n%s", diff)
			}
		})
	}
	s, _ := fold(event.State{}, begun...)
	for _, e := range []event.Event{{Seq: 3, Run: "r", Payload: event.RunResumed{}}, {Seq: 2, Run: "other", Payload: event.RunResumed{}}} {
		if _, err := s.Apply(e); err == nil {
			t.Errorf("event %d of run %s accepted", e.Seq, e.Run)
		}
	}
}

// A State is a value: whoever holds an earlier one must not see it change.
func TestApplyLeavesEarlierStatesAlone(t *testing.T) {
	var states []event.State
	var copies []event.State
	s := event.State{}
	for i, e := range v1() {
		next, err := s.Apply(e)
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		states, copies = append(states, next), append(copies, deepCopy(next))
		s = next
	}
	if diff := cmp.Diff(copies, states); diff != "" {
		t.Errorf("(-then +now):\n%s", diff)
	}
}

func deepCopy(s event.State) event.State {
	s.Results = append([]event.Result(nil), s.Results...)
	s.Troubles = append([]event.Result(nil), s.Troubles...)
	if s.Leftovers != nil {
		s.Leftovers = append([]event.Leftover{}, s.Leftovers...)
	}
	images := map[string]string{}
	for k, v := range s.Images {
		images[k] = v
	}
	if s.Images != nil {
		s.Images = images
	}
	if s.Open != nil {
		open := *s.Open
		s.Open = &open
	}
	return s
}

func TestResultsAreBounded(t *testing.T) {
	s, err := fold(event.State{}, event.RunStarted{})
	for i := 1; i <= event.MaxResults+20 && err == nil; i++ {
		s, err = fold(s, visit(i, fmt.Sprint("s", i%7), job.Failure)...)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Results) != event.MaxResults || s.Results[0].Attempt != 21 || len(s.Troubles) != 7 {
		t.Errorf("%d results from attempt %d, %d troubles", len(s.Results), s.Results[0].Attempt, len(s.Troubles))
	}
}

func TestContextAndLeftovers(t *testing.T) {
	s, err := fold(event.State{},
		event.RunStarted{Context: job.Values{"a": "1"}},
		event.StepStarting{Attempt: 1, At: cursor("a"), ContainerID: "c1"},
		event.StepStarted{Attempt: 1, Handle: []byte(`{}`), Image: "i", Pinned: "i@1"},
		event.StepFinished{Attempt: 1, At: cursor("a"), Outcome: job.Success},
	)
	if err != nil {
		t.Fatal(err)
	}
	if s.Values["a"] != "1" || s.Images["i"] != "i@1" || len(s.Leftovers) != 1 || s.Leftovers[0].ContainerID != "c1" {
		t.Errorf("after the first step: %+v", s)
	}
	s, err = fold(s,
		event.StepRemoved{Attempt: 1, Error: "busy"},
		event.StepStarting{Attempt: 2, At: cursor("b")},
		event.StepFinished{Attempt: 2, At: cursor("b"), Outcome: job.Success, Context: &job.Values{}, Clean: true},
		event.StepProgress{Attempt: 2},
	)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Values) != 0 || len(s.Leftovers) != 1 {
		t.Errorf("after the second: values %v, leftovers %v", s.Values, s.Leftovers)
	}
	if s, err = fold(s, event.RunFinished{}, event.StepRemoved{Attempt: 1}); err != nil || len(s.Leftovers) != 0 {
		t.Errorf("after the end: %v, %v", s.Leftovers, err)
	}
}
