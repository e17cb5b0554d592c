package acceptance

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor/native"
)

const notifyKillRounds = 10

const notifyKillJob = `
name: told
workflows:
  run:
    start: {action: a, success: second}
    second: {action: a, success: third}
    third: {action: a}
actions: {a: {image: 'builtin:auto-result'}}
`

// kog is killed at random moments while its receiver fails every third time,
// and so is whoever goes on. In the end the receiver has every notification:
// the IDs in the order of the journal, and the same body with each ID.
func TestKilledRunLosesNoNotification(t *testing.T) {
	dir := t.TempDir()
	job := filepath.Join(dir, "job.yaml")
	if err := os.WriteFile(job, []byte(notifyKillJob), 0o600); err != nil {
		t.Fatal(err)
	}
	k := &killer{t: t, world: worlds[0], dir: dir, job: job, moment: rand.N[time.Duration]}
	k.told(0, false) // unpacks the image
	began := time.Now()
	k.told(notifyKillRounds+1, false)
	k.typical.Store(int64(time.Since(began)))
	for n := 1; n <= notifyKillRounds; n++ {
		k.told(n, true)
	}
	t.Logf("%d kills in %d runs", k.dead.Load(), notifyKillRounds)
	if k.dead.Load() == 0 {
		t.Error("no kills: the test does not test")
	}
}

// told takes one run to its end and looks at what its receiver got.
func (k *killer) told(n int, kill bool) {
	k.t.Helper()
	var got []string
	requests := 0
	h := &hook{keep: func(line string) error { got = append(got, line); return nil }, refuse: func() int {
		if requests++; requests%3 == 0 {
			return http.StatusServiceUnavailable
		}
		return 0
	}}
	server := httptest.NewServer(h)
	defer server.Close()
	state, id := filepath.Join(k.dir, "state"), fmt.Sprintf("told-%d", n)
	fresh := []string{
		"kog", "run", "-f", k.job, "--state-dir", state, "--run-id", id, "--executor", "native", "--output", "quiet",
		"--notifier", server.URL, "--notify-on", "step-start,step-end,job-end",
	}
	argv := fresh
	for try := 0; ; try++ {
		code, output := k.process(argv, kill && try < 3)
		if code == 0 {
			break
		}
		switch code {
		case 4:
			argv = fresh // it died before the run began
		case -1:
			argv = []string{"resume", native.Name, state, id, server.URL}
		default:
			k.t.Fatalf("round %d: %s: return code %d\n%s", n, argv[0], code, output)
		}
	}
	server.Close()
	k.compare(n, got, want(k.t, filepath.Join(state, "runs", id, "events.ndjson"), id))
}

// compare checks that nothing is missing or out of its order, and that what
// came again came whole and alike.
func (k *killer) compare(n int, got, want []string) {
	k.t.Helper()
	bodies := map[string]string{}
	var ids []string
	for _, line := range got {
		id, body, _ := strings.Cut(line, " ")
		before, again := bodies[id]
		if !again {
			ids = append(ids, id)
		} else if before != body {
			k.t.Errorf("round %d: two bodies for %s:\n%s\n%s", n, id, before, body)
		}
		bodies[id] = body
	}
	if !slices.Equal(ids, want) {
		k.t.Errorf("round %d: got %v\nwant %v", n, ids, want)
	}
}

// want are the IDs that follow from a journal.
func want(t *testing.T, file, id string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	seq := 0
	for line := range bytes.Lines(data) {
		seq++
		for _, kind := range []string{"step_starting", "step_finished", "run_finished"} {
			if bytes.Contains(line, []byte(`"kind":"`+kind+`"`)) {
				ids = append(ids, fmt.Sprintf("%s-%d", id, seq))
			}
		}
	}
	return ids
}

// A receiver that is dead for the whole of a run gets everything from the next
// process.
func TestDeadReceiverIsToldLater(t *testing.T) {
	dir := t.TempDir()
	job := filepath.Join(dir, "job.yaml")
	if err := os.WriteFile(job, []byte(notifyKillJob), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	up := false
	h := &hook{keep: func(line string) error { got = append(got, line); return nil }, refuse: func() int {
		if up {
			return 0
		}
		return http.StatusBadGateway
	}}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	state := filepath.Join(dir, "state")
	k := &killer{t: t}
	code, output := k.process([]string{
		"kog", "run", "-f", job, "--state-dir", state, "--run-id", "later", "--executor", "native",
		"--notifier", server.URL, "--notify-on", "step-start,step-end,job-end", "--notify-timeout", "0",
	}, false)
	if code != 0 || !strings.Contains(output, `"notify_status":"failed"`) || !strings.Contains(output, "7 not delivered") {
		t.Fatalf("return code %d\n%s", code, output)
	}
	h.mu.Lock()
	up = true
	h.mu.Unlock()
	path, err := exec.LookPath("resume")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, native.Name, state, "later", server.URL).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "ok" {
		t.Errorf("resumed: %v\n%s", err, out)
	}
	k.compare(0, got, want(t, filepath.Join(state, "runs", "later", "events.ndjson"), "later"))
}
