package acceptance

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/executor/kube"
	"gitlab.com/f5-pwe/kog/v3/executor/native"
	"gitlab.com/f5-pwe/kog/v3/internal/builtin"
)

// parityRuns are run on every executor: the examples, and a job for each end
// that a step can have.
var parityRuns = []struct {
	name, file string
	args       []string
}{
	{"tour", "../examples/tour.yaml", nil},
	{"tour with its key", "../examples/tour.yaml", []string{"--env", "RELEASE_KEY=x"}},
	{"documentation", "../examples/documentation.yaml", nil},
	{"documentation with its variable", "../examples/documentation.yaml", []string{"--env", "TEST=1"}},
	{"undefined action", "../examples/documentation-undefined.yaml", nil},
	{"retry", "../examples/retry.yaml", nil},
	{"limit of steps", "../examples/retry.yaml", []string{"--max-steps", "4"}},
	{"hardware", "../examples/hardware.yaml", nil},
	{"remediate", "../examples/hardware.yaml", []string{"--workflow", "remediate"}},
	// A cluster that may pull images tries to until the time for a start is over.
	{"ends", "testdata/ends.yaml", []string{"--grace", "1s", "--pull", "never"}},
	{"without network", "../examples/retry.yaml", []string{"--network", "none"}},
}

// withoutParity are runs for which an executor can do nothing but refuse.
var withoutParity = map[string]string{
	kube.Name: "without network",
}

// The same job gives the same events on every executor, but for times, IDs and
// the engine's own words.
func TestParity(t *testing.T) {
	journals := map[string]map[string][]string{}
	onWorlds(t, func(t *testing.T, w world) {
		journals[w.title] = map[string][]string{}
		job := func(file string) string { return file }
		back := strings.NewReplacer()
		if w.name == kube.Name {
			job, back = jobsForCluster(t, w)
		}
		for _, r := range parityRuns {
			if r.name != withoutParity[w.title] {
				args := append([]string{"-f", job(r.file)}, r.args...)
				journals[w.title][r.name] = runForParity(t, w, args, back)
			}
		}
	})
	for name, runs := range journals {
		for _, r := range parityRuns {
			if r.name == withoutParity[name] {
				continue
			}
			if diff := cmp.Diff(journals[native.Name][r.name], runs[r.name]); diff != "" {
				t.Errorf("%s: the journals of native (-) and %s (+) differ:\n%s", r.name, name, diff)
			}
		}
	}
}

// jobsForCluster gives the jobs with an image of the node in place of kog's own,
// and what makes their journals those of the jobs as they are.
func jobsForCluster(t *testing.T, w world) (job func(file string) string, back *strings.Replacer) {
	const own = "builtin:" + builtin.AutoResult
	image, dir := w.builtinOnNode(t), t.TempDir()
	job = func(file string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		file = filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(file, bytes.ReplaceAll(text, []byte(own), []byte(image)), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return job, strings.NewReplacer(image, own)
}

func runForParity(t *testing.T, w world, args []string, back *strings.Replacer) []string {
	t.Helper()
	state := t.TempDir()
	cmd := w.command(t, "kog", append([]string{"run", "--executor", w.name, "--state-dir", state, "--run-id", "parity", "--output", "quiet"}, args...)...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() > 3) {
		t.Fatalf("kog run %q: %v\n%s", args, err, out)
	}
	data, err := os.ReadFile(filepath.Join(state, "runs", "parity", "events.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	return normalised(t, []byte(back.Replace(string(data))))
}

// normalised leaves out what may differ: numbers and times of the events, where
// the job came from, what the engine calls container and image, how far a
// start came that failed, and when a removal was noticed.
func normalised(t *testing.T, journal []byte) []string {
	t.Helper()
	var events, removals []string
	failed := map[any]bool{} // attempts whose container was not started
	for line := range bytes.Lines(journal) {
		var e struct {
			Kind string         `json:"kind"`
			Data map[string]any `json:"data"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		for _, own := range []string{"executor", "handle", "pinned", "correlation_id", "job_source", "job_sha256"} {
			delete(e.Data, own)
		}
		// Whatever keeps a container from being started is told in the engine's words.
		if message, _ := e.Data["message"].(string); strings.HasPrefix(message, "cannot start: ") {
			e.Data["message"] = "cannot start"
			failed[e.Data["attempt"]] = true
			delete(e.Data, "clean")
		}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Kind != "step_removed":
			events = append(events, string(text))
		case !failed[e.Data["attempt"]]:
			removals = append(removals, string(text))
		}
	}
	slices.Sort(removals)
	return append(events, removals...)
}
