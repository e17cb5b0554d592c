package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/job"
)

func at(step string) job.Cursor { return job.Cursor{Workflow: "run", Step: step} }

// machine is a job with two workflows: a -> b on success, a -> c on failure.
func machine(stopOnFailure bool) *job.Job {
	wf := func(name string, steps ...*job.Step) *job.Workflow {
		w := &job.Workflow{Name: name, Steps: map[string]*job.Step{}}
		for _, s := range steps {
			w.Steps[s.Name] = s
		}
		return w
	}
	return &job.Job{
		Name: "machine", CurrentWorkflow: "run", CurrentStep: "a", StopOnFailure: stopOnFailure,
		Workflows: map[string]*job.Workflow{
			"run": wf("run",
				&job.Step{Name: "a", Action: "act", Next: map[job.Outcome]string{job.Success: "b", job.Failure: "c"}},
				&job.Step{Name: "b", Action: "act"},
				&job.Step{Name: "c", Action: "act", Next: map[job.Outcome]string{job.Success: "a"}},
			),
			"remediate": wf("remediate", &job.Step{Name: "start", Action: "gone"}),
		},
		Actions: map[string]*job.Action{"act": {Image: "img", Version: "1"}},
	}
}

func TestDecide(t *testing.T) {
	begun := event.State{Phase: event.PhaseRunning, RunID: "r", Started: event.RunStarted{Start: at("a")}}
	after := func(step string, o job.Outcome, change ...func(*event.State)) event.State {
		s := begun
		s.Attempts = 1
		s.Last = &event.Result{Attempt: 1, At: at(step), Outcome: o, Message: "said"}
		if o != job.Success {
			s.Troubles = []event.Result{*s.Last}
		}
		for _, c := range change {
			c(&s)
		}
		return s
	}
	remediate := func(s *event.State) { s.Remediate = true }
	starting := func(attempt int, c job.Cursor, action, image string) decision {
		return decision{write: event.StepStarting{Attempt: attempt, At: c, Action: action, Image: image, ContainerID: ContainerID("r", attempt)}}
	}
	end := func(o job.Outcome, message string) decision {
		return decision{write: event.RunFinished{Status: o, Message: message, Steps: 1}}
	}
	for name, tc := range map[string]struct {
		state event.State
		stop  bool
		want  decision
	}{
		"first step":                    {begun, false, starting(1, at("a"), "act", "img:1")},
		"success edge":                  {after("a", job.Success), false, starting(2, at("b"), "act", "img:1")},
		"failure edge":                  {after("a", job.Failure), false, starting(2, at("c"), "act", "img:1")},
		"no edge":                       {after("a", job.Abort), false, end(job.Abort, "said")},
		"the end":                       {after("b", job.Success), false, end(job.Success, "said")},
		"stop on failure":               {after("a", job.Failure), true, end(job.Failure, "said")},
		"stop on failure, success":      {after("a", job.Success), true, starting(2, at("b"), "act", "img:1")},
		"remediate at the end":          {after("b", job.Success, remediate), false, starting(2, job.Cursor{Workflow: "remediate", Step: "start"}, "gone", "")},
		"remediate waits for the end":   {after("a", job.Success, remediate), false, starting(2, at("b"), "act", "img:1")},
		"remediate and stop on failure": {after("b", job.Failure, remediate), true, end(job.Failure, "said")},
		"remediate, success, stop":      {after("b", job.Success, remediate), true, starting(2, job.Cursor{Workflow: "remediate", Step: "start"}, "gone", "")},
		"remediate asked for in remediate": {after("b", job.Success, remediate, func(s *event.State) {
			s.Last = &event.Result{At: job.Cursor{Workflow: "remediate", Step: "start"}, Outcome: job.Success}
		}), false, end(job.Success, "")},
		"at the limit": {
			after("a", job.Success, func(s *event.State) { s.Started.Options.MaxSteps = 1 }), false,
			end(job.Failure, "stopped after 1 steps before run/b: the limit of --max-steps is reached"),
		},
		"at the limit, but at the end": {after("b", job.Success, func(s *event.State) { s.Started.Options.MaxSteps = 1 }), false, end(job.Success, "said")},
		"a step is open":               {after("a", job.Success, func(s *event.State) { s.Open = &event.OpenStep{} }), false, decision{}},
		"over":                         {event.State{Phase: event.PhaseFinished}, false, decision{done: true}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decide(machine(tc.stop), tc.state)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(decision{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if _, err := decide(machine(false), after("nowhere", job.Success)); err == nil {
		t.Error("a step that is not in the job was accepted")
	}
}
