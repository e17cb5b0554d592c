package job_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// samePlaceless compares jobs apart from where things stand and what was
// warned about. Contexts are not left to cmp, which takes exponential time on
// nested lists.
var samePlaceless = cmp.Options{
	cmp.Comparer(func(a, b job.Values) bool { return reflect.DeepEqual(a, b) }),
	cmpopts.IgnoreFields(job.Job{}, "Warnings"),
	cmpopts.IgnoreUnexported(job.Job{}),
	cmpopts.IgnoreFields(job.Workflow{}, "Pos"),
	cmpopts.IgnoreFields(job.Step{}, "Pos", "At"),
	cmpopts.IgnoreFields(job.Action{}, "Pos", "At"),
}

func mustParse(t *testing.T, text string) *job.Job {
	t.Helper()
	j, err := job.Parse("job", []byte(text))
	if err != nil {
		t.Fatalf("parse:\n%v\n%s", err, text)
	}
	return j
}

func num(s string) json.Number { return json.Number(s) }

// TestParseDocumented reads the example of the documentation.
func TestParseDocumented(t *testing.T) {
	data, err := os.ReadFile("testdata/documented.yaml")
	if err != nil {
		t.Fatal(err)
	}
	j, err := job.Parse("documented.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	step := func(name, action, success, other string) *job.Step {
		s := &job.Step{Name: name, Action: action, Next: map[job.Outcome]string{}, Duration: 30 * time.Minute}
		if success != "" {
			s.Next[job.Success] = success
		}
		for _, o := range []job.Outcome{job.Failure, job.Abort, job.Timeout} {
			if other != "" {
				s.Next[o] = other
			}
		}
		return s
	}
	want := &job.Job{
		Name: "abort test due to env missing", Description: "long description of this job",
		CurrentWorkflow: "run", CurrentStep: "start",
		Workflows: map[string]*job.Workflow{
			"run": {Name: "run", Order: []string{"start", "step2", "notify", "finalize"}, Steps: map[string]*job.Step{
				"start":    step("start", "auto-success", "step2", "notify"),
				"step2":    step("step2", "auto-abort", "finalize", "notify"),
				"notify":   step("notify", "auto-success", "finalize", "finalize"),
				"finalize": step("finalize", "auto-remediatesuccess", "", ""),
			}},
			"remediate": {Name: "remediate", Order: []string{"start"}, Steps: map[string]*job.Step{
				"start": step("start", "auto-success", "", ""),
			}},
		},
		Actions: map[string]*job.Action{
			"auto-success": {Name: "auto-success", Image: "quay.io/f5-pwe/auto-result", Version: "1.0.1"},
			"auto-abort": {
				Name: "auto-abort", Image: "quay.io/f5-pwe/auto-result", Version: "1.0.1",
				Env:          map[string]string{"RESULT": "abort", "RESULT_CODE": "15", "MESSAGE": "you broke it"},
				Requirements: job.Requirements{Env: []string{"TEST"}, ContextPaths: []string{"build.product.version"}},
				Output:       job.Output{Context: job.Values{"step_name": nil}},
			},
		},
		Context: job.Values{"build": map[string]any{"product": map[string]any{"name": "Testing"}}},
	}
	if diff := cmp.Diff(want, j, samePlaceless); diff != "" {
		t.Errorf("documented job (-want +got):\n%s", diff)
	}
	if len(j.Warnings) != 1 || j.Warnings[0].Line != 33 || j.Warnings[0].Column != 21 {
		t.Errorf("warnings %v, want the undefined action at 33:21", j.Warnings)
	}
	if got := j.Actions["auto-abort"].At["requirements.context_paths.0"]; got != (job.Position{Line: 57, Column: 19}) {
		t.Errorf("the context path stands at %v, want 57:19", got)
	}
	if got := j.Workflows["run"].Steps["step2"]; got.Pos != (job.Position{Line: 18, Column: 9}) || got.At["failure"] != (job.Position{Line: 21, Column: 22}) {
		t.Errorf("step2 stands at %v, its failure at %v", got.Pos, got.At["failure"])
	}
}

const minimal = "name: x\nworkflows: {run: {start: {action: a}}}\nactions:\n  a:\n    image: i\n"

func TestEnvIsTextAsWritten(t *testing.T) {
	values := map[string]string{
		`1.10`: "1.10", `010`: "010", `true`: "true", `No`: "No", `1e2`: "1e2", `0x1F`: "0x1F",
		`.inf`: ".inf", `2024-01-01`: "2024-01-01", `12345678901234567890123`: "12345678901234567890123",
		`"a\tb"`: "a\tb", `'it''s'`: "it's", ``: "", `~`: "", `null`: "", `nil`: "nil", `!!str 1.0`: "1.0",
		`1_000`: "1_000", "|\n        two\n        lines\n": "two\nlines\n", `+5`: "+5",
	}
	for written, want := range values {
		j := mustParse(t, minimal+"    env:\n      V: "+written+"\n")
		if got := j.Actions["a"].Env["V"]; got != want {
			t.Errorf("V: %s gives %q, want %q", written, got, want)
		}
	}
	j := mustParse(t, `{"name":"x","workflows":{"run":{"start":{"action":"a"}}},"actions":{"a":{
		"image":"i","version":1.10,"env":{"F":1.10,"E":1e2,"B":true,"N":null,"S":"\ud83d\ude00"}}}}`)
	want := map[string]string{"F": "1.10", "E": "1e2", "B": "true", "N": "", "S": "😀"}
	if diff := cmp.Diff(want, j.Actions["a"].Env); diff != "" {
		t.Errorf("env from JSON (-want +got):\n%s", diff)
	}
	if j.Actions["a"].Version != "1.10" {
		t.Errorf("version %q, want 1.10", j.Actions["a"].Version)
	}
}

func TestDefaultsAndAbsence(t *testing.T) {
	tests := map[string]struct {
		text  string
		check func(j *job.Job) bool
	}{
		"the only workflow is the current one": {
			"name: x\nworkflows: {other: {start: {action: a}}}", func(j *job.Job) bool { return j.Start() == job.Cursor{Workflow: "other", Step: "start"} },
		},
		"run is the current one": {
			"name: x\nworkflows: {a: {}, run: {start: {action: a}}}", func(j *job.Job) bool { return j.CurrentWorkflow == "run" },
		},
		"null and empty text are not given": {
			"name: x\ndescription: ~\ncurrent_workflow:\ncurrent_step: ''\nstop_on_failure: null\ncontext:\ncorrelation_id:\n" +
				"workflows: {run: {start: {action: a, success: ~, failure: '', abort: nil, duration: ''}}}\nactions: {a: {image: x, env: , requirements: , output: , version: }}",
			func(j *job.Job) bool {
				s := j.Workflows["run"].Steps["start"]
				return j.CurrentStep == "start" && !j.StopOnFailure && j.Context != nil && len(s.Next) == 0 && s.Duration == 0 && len(j.Warnings) == 0
			},
		},
		"nil is a step when there is one": {
			"name: x\nworkflows: {run: {start: {action: a, success: nil}, nil: {action: a}}}",
			func(j *job.Job) bool { return j.Workflows["run"].Steps["start"].Next[job.Success] == "nil" },
		},
		"keys of the author and of editors": {
			"$schema: y\nname: x\nx-step: &s {action: a}\nworkflows: {run: {start: *s}}\nactions: {a: {image: i}}",
			func(j *job.Job) bool {
				return j.Workflows["run"].Steps["start"].Action == "a" && len(j.Warnings) == 0
			},
		},
		"nil in an output is null": {
			"name: x\nworkflows: {run: {start: {action: a}}}\nactions: {a: {image: i, output: {context: {a: nil, b: [nil, {c: nil}], d: null, e: x}}}}",
			func(j *job.Job) bool {
				want := job.Values{"a": nil, "b": []any{nil, map[string]any{"c": nil}}, "d": nil, "e": "x"}
				return cmp.Equal(want, j.Actions["a"].Output.Context)
			},
		},
		"a number is a name": {
			"name: 1.10\ncorrelation_id: 007\nworkflows: {1: {start: {action: 2}}}\nactions: {2: {image: 3}}",
			func(j *job.Job) bool {
				return j.Name == "1.10" && j.CorrelationID == "007" && j.CurrentWorkflow == "1" && j.Actions["2"].Image == "3"
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if j := mustParse(t, tt.text); !tt.check(j) {
				printed, err := json.Marshal(j)
				t.Errorf("got %s, %v", printed, err)
			}
		})
	}
}

func TestCheckGivesWarningsWithErrors(t *testing.T) {
	warnings, err := job.Check("job", []byte("nam: x\nworkflows: 5\n"))
	if err == nil || len(warnings) != 1 {
		t.Errorf("got %v and %v, want one warning and an error", warnings, err)
	}
	j := mustParse(t, minimal+"    verzion: 1\n")
	if err := j.Strict(); err == nil || !strings.Contains(err.Error(), `"verzion"`) {
		t.Errorf("strict gives %v", err)
	}
	if err := mustParse(t, minimal).Strict(); err != nil {
		t.Errorf("strict of a clean job gives %v", err)
	}
}
