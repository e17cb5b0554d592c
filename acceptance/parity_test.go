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

	"gitlab.com/f5-pwe/kog/v3/executor/native"
)

// parityRuns are run on every executor: the examples, and a job for each end
// that a step can have.
var parityRuns = []struct {
	name string
	args []string
}{
	{"tour", []string{"-f", "../examples/tour.yaml"}},
	{"tour with its key", []string{"-f", "../examples/tour.yaml", "--env", "RELEASE_KEY=x"}},
	{"documentation", []string{"-f", "../examples/documentation.yaml"}},
	{"documentation with its variable", []string{"-f", "../examples/documentation.yaml", "--env", "TEST=1"}},
	{"undefined action", []string{"-f", "../examples/documentation-undefined.yaml"}},
	{"retry", []string{"-f", "../examples/retry.yaml"}},
	{"limit of steps", []string{"-f", "../examples/retry.yaml", "--max-steps", "4"}},
	{"hardware", []string{"-f", "../examples/hardware.yaml"}},
	{"remediate", []string{"-f", "../examples/hardware.yaml", "--workflow", "remediate"}},
	{"ends", []string{"-f", "testdata/ends.yaml", "--grace", "1s"}},
	{"without network", []string{"-f", "../examples/retry.yaml", "--network", "none"}},
}

// The same job gives the same events on every executor, but for times, IDs and
// the engine's own words.
func TestParity(t *testing.T) {
	journals := map[string]map[string][]string{}
	onWorlds(t, func(t *testing.T, w world) {
		journals[w.name] = map[string][]string{}
		for _, r := range parityRuns {
			journals[w.name][r.name] = runForParity(t, w, r.args)
		}
	})
	for name, runs := range journals {
		for _, r := range parityRuns {
			if diff := cmp.Diff(journals[native.Name][r.name], runs[r.name]); diff != "" {
				t.Errorf("%s: the journals of native (-) and %s (+) differ:\n%s", r.name, name, diff)
			}
		}
	}
}

func runForParity(t *testing.T, w world, args []string) []string {
	t.Helper()
	path, err := exec.LookPath("kog")
	if err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	cmd := exec.Command(path, append([]string{"run", "--executor", w.name, "--state-dir", state, "--run-id", "parity", "--output", "quiet"}, args...)...)
	cmd.Env = w.environ()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() > 3) {
		t.Fatalf("kog run %q: %v\n%s", args, err, out)
	}
	data, err := os.ReadFile(filepath.Join(state, "runs", "parity", "events.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	return normalised(t, data)
}

// normalised leaves out what may differ: numbers and times of the events, what
// the engine calls container and image, and when a removal was noticed.
func normalised(t *testing.T, journal []byte) []string {
	t.Helper()
	var events, removals []string
	for line := range bytes.Lines(journal) {
		var e struct {
			Kind string         `json:"kind"`
			Data map[string]any `json:"data"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		for _, own := range []string{"executor", "handle", "pinned", "correlation_id"} {
			delete(e.Data, own)
		}
		// Whatever keeps a container from being started is told in the engine's words.
		if message, _ := e.Data["message"].(string); strings.HasPrefix(message, "cannot start: ") {
			e.Data["message"] = "cannot start"
		}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == "step_removed" {
			removals = append(removals, string(text))
		} else {
			events = append(events, string(text))
		}
	}
	slices.Sort(removals)
	return append(events, removals...)
}
