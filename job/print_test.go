package job_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gitlab.com/f5-pwe/kog/v3/job"
)

func TestPrint(t *testing.T) {
	j := mustParse(t, `
name: print
workflows:
  run:
    start: {action: a, timeout: z, success: m, abort: nil, duration: 1d}
    z: {action: b}
    m: {action: a}
actions:
  a:
    image: i
    env: {B: 2, A: 1.10}
    requirements: {env: [E], context_paths: [x.0.y]}
    output: {context: {k: nil}}
  b: {image: i, version: 1.0}
context: {big: 12345678901234567890123, f: 1.50, l: [], o: {}}
`)
	const want = `{"name":"print","current_workflow":"run","current_step":"start","stop_on_failure":false,` +
		`"workflows":{"run":{"start":{"action":"a","success":"m","timeout":"z","duration":"24h"},` +
		`"z":{"action":"b"},"m":{"action":"a"}}},` +
		`"actions":{"a":{"image":"i","env":{"A":"1.10","B":"2"},"requirements":{"env":["E"],"context_paths":["x.0.y"]},` +
		`"output":{"context":{"k":null}}},"b":{"image":"i","version":"1.0"}},` +
		`"context":{"big":12345678901234567890123,"f":1.50,"l":[],"o":{}}}`
	got, err := json.Marshal(j)
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

// TestPrintHandMade prints jobs that no file was parsed for.
func TestPrintHandMade(t *testing.T) {
	tests := map[string]struct {
		job  *job.Job
		want string
	}{
		"empty": {&job.Job{}, `{"name":"","current_workflow":"","current_step":"","stop_on_failure":false,"workflows":{},"actions":{},"context":{}}`},
		"no order": {
			&job.Job{Name: "x", Workflows: map[string]*job.Workflow{"run": {Order: []string{"c", "gone"}, Steps: map[string]*job.Step{"b": {}, "c": {}, "a": {}}}}},
			`{"name":"x","current_workflow":"","current_step":"","stop_on_failure":false,"workflows":{"run":{"c":{"action":""},"a":{"action":""},"b":{"action":""}}},"actions":{},"context":{}}`,
		},
		"stale order": {
			&job.Job{Name: "x", Workflows: map[string]*job.Workflow{"run": {Order: []string{"c", "c"}, Steps: map[string]*job.Step{"b": {}, "a": {}}}}},
			`{"name":"x","current_workflow":"","current_step":"","stop_on_failure":false,"workflows":{"run":{"a":{"action":""},"b":{"action":""}}},"actions":{},"context":{}}`,
		},
	}
	for name, tt := range tests {
		got, err := json.Marshal(tt.job)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got  %s, %v\nwant %s", name, got, err, tt.want)
		}
	}
	if _, err := json.Marshal(&job.Job{Context: job.Values{"f": math.NaN()}}); err == nil {
		t.Error("a context that JSON cannot hold is printed without an error")
	}
}

// jobs generates any job that a file can hold.
func jobs() *rapid.Generator[*job.Job] {
	return rapid.Custom(func(t *rapid.T) *job.Job {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-zA-Z0-9 .:#"'{\x{e9}\x{1F600}\x{2028}-]{1,12}`), 3, 8, rapid.ID[string]).Draw(t, "names")
		j := &job.Job{
			Name: rapid.SampledFrom(names).Draw(t, "name"), Description: rapid.String().Draw(t, "description"),
			StopOnFailure: rapid.Bool().Draw(t, "stop"), CorrelationID: rapid.SampledFrom(append(names, "")).Draw(t, "correlation"),
			Workflows: map[string]*job.Workflow{}, Actions: map[string]*job.Action{},
			Context: drawObject(t, 3),
		}
		for _, name := range names[:rapid.IntRange(1, len(names)).Draw(t, "workflows")] {
			j.Workflows[name] = drawWorkflow(t, name, names)
			j.CurrentWorkflow, j.CurrentStep = name, j.Workflows[name].Order[0]
		}
		for _, name := range names[:rapid.IntRange(0, len(names)).Draw(t, "actions")] {
			j.Actions[name] = drawAction(t, name)
		}
		return j
	})
}

func drawWorkflow(t *rapid.T, name string, names []string) *job.Workflow {
	wf := &job.Workflow{Name: name, Steps: map[string]*job.Step{}}
	wf.Order = rapid.Permutation(names).Draw(t, "order")[:rapid.IntRange(1, len(names)).Draw(t, "steps")]
	for _, step := range wf.Order {
		s := &job.Step{Name: step, Action: rapid.SampledFrom(names).Draw(t, "action"), Next: map[job.Outcome]string{}}
		for _, o := range job.Outcomes() {
			if rapid.Bool().Draw(t, "mapped") {
				s.Next[o] = rapid.SampledFrom(wf.Order).Draw(t, "target")
			}
		}
		if rapid.Bool().Draw(t, "limited") {
			s.Duration = time.Duration(rapid.Int64Range(1, math.MaxInt64).Draw(t, "duration"))
		}
		wf.Steps[step] = s
	}
	return wf
}

func drawAction(t *rapid.T, name string) *job.Action {
	word := rapid.StringMatching(`[A-Za-z_]{1,8}`)
	a := &job.Action{Name: name, Image: word.Draw(t, "image"), Version: rapid.SampledFrom([]string{"", "1.10", "latest"}).Draw(t, "version")}
	if rapid.Bool().Draw(t, "has env") {
		values := rapid.StringMatching(`[^\x00]*`)
		a.Env = rapid.MapOfN(word, values, 1, 3).Draw(t, "env")
	}
	if rapid.Bool().Draw(t, "has requirements") {
		a.Requirements.Env = rapid.SliceOfN(word, 1, 3).Draw(t, "required env")
		a.Requirements.ContextPaths = rapid.SliceOfN(word, 1, 3).Draw(t, "required paths")
	}
	if output := drawObject(t, 2); len(output) > 0 {
		a.Output.Context = output
	}
	if rapid.Bool().Draw(t, "has settings") {
		a.Settings = drawSettings(t)
	}
	return a
}

func drawSettings(t *rapid.T) job.Settings {
	word := rapid.StringMatching(`[A-Za-z_]{1,8}`)
	words := rapid.SliceOfN(rapid.StringMatching(`[a-z0-9]{1,3}`), 1, 3)
	name := rapid.StringMatching(`/[a-z]{1,6}(/[a-z0-9]{1,6})?`)
	s := job.Settings{
		User: rapid.SampledFrom([]string{"", "0", "1000:1000", "nobody:users"}).Draw(t, "user"), WorkingDir: name.Draw(t, "dir"),
		Memory: rapid.Int64Range(0, 1<<62).Draw(t, "memory"), ShmSize: rapid.Int64Range(0, 1<<62).Draw(t, "shm"),
		CPUs:    rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0.01, 1e6)).Draw(t, "cpus"),
		GPUs:    rapid.SampledFrom([]job.GPUs{{}, {Count: -1}, {Count: 3}, {IDs: []string{"0", "GPU-1a"}}}).Draw(t, "gpus"),
		Network: rapid.SampledFrom([]string{"", "host", "none", "lab_1"}).Draw(t, "network"), Privileged: rapid.Bool().Draw(t, "privileged"),
		ReadOnly: rapid.Bool().Draw(t, "read only"), Init: rapid.Bool().Draw(t, "init"),
	}
	if rapid.Bool().Draw(t, "has command") {
		s.Entrypoint = append([]string{}, words.Draw(t, "entrypoint")...)
		s.Args = rapid.SliceOfN(rapid.StringMatching(`[^\x00]*`), 0, 3).Draw(t, "args")
	}
	if rapid.Bool().Draw(t, "has lists") {
		s.Devices = []job.Device{{Source: name.Draw(t, "source"), Target: name.Draw(t, "target"), Permissions: rapid.SampledFrom([]string{"r", "rw", "rwm"}).Draw(t, "permissions")}}
		s.CapAdd, s.CapDrop = []string{"NET_ADMIN", "ALL"}, []string{"MKNOD"}
		s.Tmpfs = []job.Tmpfs{{Target: name.Draw(t, "tmpfs"), Options: rapid.SampledFrom([]string{"", "size=64m,mode=1777", "ro"}).Draw(t, "options")}}
		s.ExtraHosts = []job.ExtraHost{{Name: word.Draw(t, "host"), IP: rapid.SampledFrom([]string{"::1", "10.0.0.1", "host-gateway"}).Draw(t, "ip")}}
		s.DNS = []string{"9.9.9.9", "2620:fe::fe"}
		s.Labels = rapid.MapOfN(word, rapid.StringMatching(`[^\x00]*`), 1, 3).Draw(t, "labels")
	}
	if block := drawObject(t, 3); len(block) > 0 {
		s.Kubernetes = block
	}
	return s
}

func drawObject(t *rapid.T, depth int) job.Values {
	values := job.Values{}
	for range rapid.IntRange(0, 3).Draw(t, "fields") {
		values[rapid.String().Draw(t, "key")] = drawValue(t, depth)
	}
	return values
}

func drawValue(t *rapid.T, depth int) any {
	kinds := 6
	if depth == 0 {
		kinds = 4
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return num(rapid.StringMatching(`-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?`).Draw(t, "number"))
	case 3:
		// "nil" means null in the output of an action.
		return rapid.String().Filter(func(s string) bool { return s != "nil" }).Draw(t, "text")
	case 4:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			list = append(list, drawValue(t, depth-1))
		}
		return list
	}
	return map[string]any(drawObject(t, depth-1))
}

// TestPrintRoundTrip shows that a job which is printed parses to an equal one,
// and that no outcome leads out of a job that parses.
func TestPrintRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := jobs().Draw(t, "job")
		if err := roundTrip(want); err != nil {
			t.Fatal(err)
		}
		if err := staysInside(want); err != nil {
			t.Fatal(err)
		}
	})
}

func roundTrip(want *job.Job) error {
	printed, err := json.Marshal(want)
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	got, err := job.Parse("printed", printed)
	if err != nil {
		return fmt.Errorf("parse what was printed: %w\n%s", err, printed)
	}
	if diff := cmp.Diff(want, got, samePlaceless); diff != "" {
		return fmt.Errorf("printed and parsed (-want +got):\n%s\n%s", diff, printed)
	}
	again, err := json.Marshal(got)
	if err != nil || string(again) != string(printed) {
		return fmt.Errorf("printed twice: %s, then %s, %w", printed, again, err)
	}
	return nil
}

func staysInside(j *job.Job) error {
	if _, err := j.Step(j.Start()); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	for name, wf := range j.Workflows {
		for step := range wf.Steps {
			here := job.Cursor{Workflow: name, Step: step}
			if next, ok := j.Remediation(here); ok {
				if _, err := j.Step(next); err != nil {
					return fmt.Errorf("remediation of %s: %w", here, err)
				}
			}
			for _, o := range job.Outcomes() {
				next, ok, err := j.Next(here, o)
				if err != nil {
					return err
				}
				if _, err := j.Step(next); ok && (err != nil || next.Workflow != name) {
					return fmt.Errorf("%s of %s leads to %s: %w", o, here, next, err)
				}
			}
		}
	}
	return nil
}
