package acceptance

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor/native"
)

const signalJob = `
name: signals
workflows:
  run:
    start: {action: sleeps, abort: clean}
    clean: {action: cleans}
actions:
  sleeps: {image: 'docker-archive:ARCHIVE'}
  cleans: {image: 'builtin:auto-result', env: {MESSAGE: cleaned up}}
`

// What the first step runs: one that ends on SIGTERM, and one that does not.
const (
	sleepsLightly = "trap 'exit 1' TERM; while :; do /bin/busybox sleep 0.05; done"
	sleepsSoundly = "trap '' TERM; while :; do /bin/busybox sleep 0.05; done"
)

// sleeping is a kog whose first step sleeps for an hour.
type sleeping struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	state          string
}

func startSleeping(t *testing.T, script string) *sleeping {
	t.Helper()
	dir := t.TempDir()
	text := strings.ReplaceAll(signalJob, "ARCHIVE", busyboxImage(t, dir, script))
	job := filepath.Join(dir, "job.yaml")
	if err := os.WriteFile(job, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath("kog")
	if err != nil {
		t.Fatal(err)
	}
	s := &sleeping{state: filepath.Join(dir, "state")}
	s.cmd = exec.Command(path, "run", "-f", job, "--state-dir", s.state, "--run-id", "signals", "--executor", "native", "--grace", "4s")
	s.cmd.Stdout, s.cmd.Stderr = &s.stdout, &s.stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() })
	s.until(t, "step_started")
	return s
}

// until waits for an event in the journal.
func (s *sleeping) until(t *testing.T, kind string) {
	t.Helper()
	file := filepath.Join(s.state, "runs", "signals", "events.ndjson")
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if data, err := os.ReadFile(file); err == nil && bytes.Contains(data, []byte(`"kind":"`+kind+`"`)) {
			return
		}
	}
	t.Fatalf("no %s within a minute\n%s", kind, &s.stderr)
}

func (s *sleeping) containers(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.state, "native", "containers", "[a-z]*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestFirstSignalCleansUp(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		s := startSleeping(t, sleepsLightly)
		if err := s.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		_ = s.cmd.Wait()
		if code := s.cmd.ProcessState.ExitCode(); code != 2 {
			t.Errorf("%s: return code %d, want 2\n%s", sig, code, &s.stderr)
		}
		if !strings.Contains(s.stdout.String(), `"status":"abort","message":"interrupted"`) || !strings.Contains(s.stderr.String(), `message="cleaned up"`) {
			t.Errorf("%s: result %s\n%s", sig, &s.stdout, &s.stderr)
		}
		if left := s.containers(t); len(left) > 0 {
			t.Errorf("%s: left behind: %v", sig, left)
		}
	}
}

// The second signal ends kog at once. The container stays, and the run goes on
// in another process, which stops it as was decided.
func TestSecondSignalLeavesAtOnce(t *testing.T) {
	s := startSleeping(t, sleepsSoundly)
	for _, kind := range []string{"step_stopping", ""} {
		if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if kind != "" {
			s.until(t, kind)
		}
	}
	_ = s.cmd.Wait()
	if code := s.cmd.ProcessState.ExitCode(); code != 125 || !strings.Contains(s.stderr.String(), "second signal") {
		t.Fatalf("return code %d, want 125\n%s", code, &s.stderr)
	}
	if s.stdout.Len() > 0 {
		t.Errorf("a run that has not ended has no result: %s", &s.stdout)
	}
	path, err := exec.LookPath("resume")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, native.Name, s.state, "signals")
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 2 {
		t.Errorf("resumed: return code %d, want 2\n%s", code, out)
	}
	if left := s.containers(t); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
