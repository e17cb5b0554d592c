package job_test

import (
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/job"
)

func machine() *job.Job {
	step := func(name string, next map[job.Outcome]string) *job.Step {
		return &job.Step{Name: name, Action: "a", Next: next}
	}
	return &job.Job{
		Name: "machine", CurrentWorkflow: "run", CurrentStep: "start",
		Workflows: map[string]*job.Workflow{
			"run": {Name: "run", Steps: map[string]*job.Step{
				"start":    step("start", map[job.Outcome]string{job.Success: "work", job.Failure: "start", job.Abort: "finalize"}),
				"work":     step("work", map[job.Outcome]string{job.Success: "gone", job.Timeout: "finalize"}),
				"finalize": step("finalize", nil),
			}},
			"remediate": {Name: "remediate", Steps: map[string]*job.Step{"start": step("start", nil)}},
		},
	}
}

func at(workflow, step string) job.Cursor { return job.Cursor{Workflow: workflow, Step: step} }

func TestNext(t *testing.T) {
	tests := []struct {
		name    string
		stop    bool
		at      job.Cursor
		outcome job.Outcome
		next    job.Cursor
		err     string
	}{
		{name: "mapped", at: at("run", "start"), outcome: job.Success, next: at("run", "work")},
		{name: "loop", at: at("run", "start"), outcome: job.Failure, next: at("run", "start")},
		{name: "abort edge", at: at("run", "start"), outcome: job.Abort, next: at("run", "finalize")},
		{name: "timeout edge", at: at("run", "work"), outcome: job.Timeout, next: at("run", "finalize")},
		{name: "no mapping", at: at("run", "start"), outcome: job.Timeout},
		{name: "no mappings at all", at: at("run", "finalize"), outcome: job.Success},
		{name: "stop on failure", stop: true, at: at("run", "start"), outcome: job.Failure},
		{name: "stop on abort", stop: true, at: at("run", "start"), outcome: job.Abort},
		{name: "stop on timeout", stop: true, at: at("run", "work"), outcome: job.Timeout},
		{name: "stop goes on after success", stop: true, at: at("run", "start"), outcome: job.Success, next: at("run", "work")},
		{name: "missing target", at: at("run", "work"), outcome: job.Success, err: `step run/work, outcome success: no step "gone" in workflow "run"`},
		{name: "missing step", at: at("run", "finalise"), outcome: job.Success, err: `no step "finalise" in workflow "run" (did you mean "finalize"?)`},
		{name: "missing workflow", at: at("remedaite", "start"), outcome: job.Success, err: `no workflow "remedaite" (did you mean "remediate"?)`},
		{name: "no outcome", at: at("run", "start"), outcome: "", err: `step run/start: unknown outcome ""`},
		{name: "unknown outcome", at: at("run", "start"), outcome: "Success", err: `unknown outcome "Success"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := machine()
			j.StopOnFailure = tt.stop
			next, ok, err := j.Next(tt.at, tt.outcome)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if next != tt.next || ok != (tt.next != job.Cursor{}) {
				t.Errorf("next is %v, %v; want %v", next, ok, tt.next)
			}
		})
	}
}

func TestRemediation(t *testing.T) {
	j := machine()
	if next, ok := j.Remediation(at("run", "work")); !ok || next != at("remediate", "start") {
		t.Errorf("got %v, %v", next, ok)
	}
	if next, ok := j.Remediation(at("remediate", "start")); ok {
		t.Errorf("a remediation leads to %v", next)
	}
	j.Workflows["remediate"].Steps = map[string]*job.Step{"begin": {}}
	if next, ok := j.Remediation(at("run", "work")); ok {
		t.Errorf("a workflow without a start step leads to %v", next)
	}
	delete(j.Workflows, "remediate")
	if next, ok := j.Remediation(at("run", "work")); ok {
		t.Errorf("a missing workflow leads to %v", next)
	}
}

func TestReference(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0f", 32)
	tests := []struct{ image, version, want string }{
		{"alpine", "", "alpine"},
		{"alpine", "3.20", "alpine:3.20"},
		{"alpine:3", "", "alpine:3"},
		{"example.org:5000/a/b", "1.10", "example.org:5000/a/b:1.10"},
		{"alpine", digest, "alpine@" + digest},
		{"alpine", "sha256:0f", "alpine:sha256:0f"},
		{"alpine", "sha256:" + strings.Repeat("zz", 32), "alpine:sha256:" + strings.Repeat("zz", 32)},
	}
	for _, tt := range tests {
		a := job.Action{Image: tt.image, Version: tt.version}
		if got := a.Reference(); got != tt.want {
			t.Errorf("%q with version %q is %q, want %q", tt.image, tt.version, got, tt.want)
		}
	}
}

func TestOutcomes(t *testing.T) {
	codes := map[job.Outcome]int{job.Success: 0, job.Failure: 1, job.Abort: 2, job.Timeout: 3}
	for _, o := range job.Outcomes() {
		if got := o.ReturnCode(); got != codes[o] {
			t.Errorf("%s has return code %d, want %d", o, got, codes[o])
		}
		if got, err := job.ParseOutcome(string(o)); err != nil || got != o || !got.Valid() {
			t.Errorf("%s is read as %q, %v", o, got, err)
		}
	}
	for _, word := range []string{"", "Success", "remediatesuccess", " success"} {
		if got, err := job.ParseOutcome(word); err == nil || got != "" {
			t.Errorf("%q is read as %q", word, got)
		}
		if got := job.Outcome(word).ReturnCode(); got != 125 {
			t.Errorf("%q has return code %d, want 125", word, got)
		}
	}
}
