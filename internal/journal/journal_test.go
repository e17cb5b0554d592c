package journal_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/internal/journal"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// TestMain lets a test run this binary as a process that holds a run's lock
// until it is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("KOG_TEST_HOLD"); dir != "" {
		r, _, err := journal.NewStore(dir).Open("r")
		if err != nil {
			_, _ = os.Stdout.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		_, _ = os.Stdout.WriteString("held\n")
		<-make(chan struct{})
		_ = r.Close()
	}
	os.Exit(m.Run())
}

func started(seq uint64) event.Event {
	return event.Event{Seq: seq, Run: "r", Time: time.Unix(1, 0).UTC(), Payload: event.RunStarted{
		Task: "t", Start: job.Cursor{Workflow: "run", Step: "start"}, Context: job.Values{},
	}}
}

func resumed(seq uint64) event.Event {
	return event.Event{Seq: seq, Run: "r", Time: time.Unix(2, 0).UTC(), Payload: event.RunResumed{}}
}

// newRun makes run r with n events.
func newRun(t *testing.T, n int) (*journal.Store, string) {
	t.Helper()
	dir := t.TempDir()
	s := journal.NewStore(dir)
	r, err := s.Create("r", []byte("name: x"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= n; i++ {
		e := resumed(uint64(i))
		if i == 1 {
			e = started(1)
		}
		if err := r.Append(context.Background(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return s, filepath.Join(dir, "r", "events.ndjson")
}

func TestReplayAndGoOn(t *testing.T) {
	s, _ := newRun(t, 3)
	r, state, err := s.Open("r")
	if err != nil || state.Seq != 3 || state.RunID != "r" {
		t.Fatalf("state %+v, %v", state, err)
	}
	if err := r.Append(context.Background(), resumed(4)); err != nil {
		t.Fatal(err)
	}
	var seen []uint64
	if err := s.Read("r", func(e event.Event) error { seen = append(seen, e.Seq); return nil }); err != nil || len(seen) != 4 {
		t.Errorf("read while open: %v, %v", seen, err)
	}
	name, doc, err := r.Document()
	if err != nil || string(doc) != "name: x" || filepath.Base(name) != "job.yaml" {
		t.Errorf("document %q in %s, %v", doc, name, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTornLastLineIsCutOff(t *testing.T) {
	for name, tail := range map[string]string{
		"half a line":          `{"seq":3,"ti`,
		"half a line, newline": `{"seq":3,"ti` + "\n",
		"zeroes":               strings.Repeat("\x00", 100),
		"zeroes, newline":      strings.Repeat("\x00", 100) + "\n",
		"newline only":         "\n",
	} {
		t.Run(name, func(t *testing.T) {
			s, file := newRun(t, 2)
			appendTo(t, file, tail)
			r, state, err := s.Open("r")
			if err != nil || state.Seq != 2 {
				t.Fatalf("state %d, %v", state.Seq, err)
			}
			if err := r.Append(context.Background(), resumed(3)); err != nil {
				t.Fatal(err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if r, state, err = s.Open("r"); err != nil || state.Seq != 3 {
				t.Fatalf("after going on: %d, %v", state.Seq, err)
			}
			_ = r.Close()
		})
	}
}

// Whatever prefix of the file a crash leaves, it can be replayed.
func TestEveryPrefixIsReadable(t *testing.T) {
	s, file := newRun(t, 3)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if err := os.WriteFile(file, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(string(whole[:n]), "\n")
		r, state, err := s.Open("r")
		if lines == 0 {
			if !errors.Is(err, journal.ErrNotFound) {
				t.Fatalf("%d bytes: %v", n, err)
			}
			continue
		}
		if err != nil || int(state.Seq) != lines {
			t.Fatalf("%d bytes: state %d, %v; want %d", n, state.Seq, err, lines)
		}
		_ = r.Close()
	}
}

func TestDamageIsNotHidden(t *testing.T) {
	for name, tail := range map[string]string{
		"bad line in the middle": "oops\n" + `{"seq":3,"run":"r","time":"2024-01-01T00:00:00Z","kind":"run_resumed","v":1,"data":{}}` + "\n",
		"gap":                    `{"seq":9,"run":"r","time":"2024-01-01T00:00:00Z","kind":"run_resumed","v":1,"data":{}}` + "\n",
		"from the future":        `{"seq":3,"run":"r","time":"2024-01-01T00:00:00Z","kind":"run_resumed","v":9,"data":{}}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			s, file := newRun(t, 2)
			appendTo(t, file, tail)
			before, _ := os.ReadFile(file)
			_, _, err := s.Open("r")
			var damaged *journal.DamagedError
			if !errors.As(err, &damaged) || damaged.Line != 3 {
				t.Fatalf("error %v, want damage in line 3", err)
			}
			if after, _ := os.ReadFile(file); string(after) != string(before) {
				t.Error("the damaged journal was changed")
			}
		})
	}
}

func TestCreateRefuses(t *testing.T) {
	s, file := newRun(t, 1)
	if _, err := s.Create("r", nil); !errors.Is(err, journal.ErrExists) {
		t.Errorf("second run of one ID: %v", err)
	}
	if err := os.WriteFile(file, []byte(`{"seq":1,"ti`), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := s.Create("r", []byte(" {}"))
	if err != nil {
		t.Fatalf("the folder of a run that never began: %v", err)
	}
	if _, err := s.Create("r", nil); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("while it is open: %v", err)
	}
	if _, _, err := s.Open("r"); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("open while it is open: %v", err)
	}
	_ = r.Close()
	for _, id := range []string{"", "../x", "A", "a/b", "-a", "a-", strings.Repeat("a", 41), "a_b"} {
		if _, err := s.Create(id, nil); err == nil {
			t.Errorf("run ID %q accepted", id)
		}
		if _, _, err := s.Open(id); err == nil {
			t.Errorf("run ID %q opened", id)
		}
	}
	if _, _, err := s.Open("nobody"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("unknown run: %v", err)
	}
	if err := s.Read("nobody", nil); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("read unknown run: %v", err)
	}
}

// The lock of a process that was killed is gone at once.
func TestLockEndsWithItsProcess(t *testing.T) {
	s, file := newRun(t, 1)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "KOG_TEST_HOLD="+filepath.Dir(filepath.Dir(file)))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	buf := make([]byte, 100)
	if n, _ := out.Read(buf); string(buf[:n]) != "held\n" {
		t.Fatalf("the other process says %q", buf[:n])
	}
	if _, _, err := s.Open("r"); !errors.Is(err, journal.ErrLocked) {
		t.Fatalf("held by another process: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	r, _, err := s.Open("r")
	if err != nil {
		t.Fatalf("after its death: %v", err)
	}
	_ = r.Close()
}

func TestFailedAppendStopsTheJournal(t *testing.T) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("needs a small file system, which only root can mount")
	}
	dir := t.TempDir()
	mount(t, dir, 256<<10)
	s := journal.NewStore(dir)
	r, err := s.Create("r", []byte("name: x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Append(context.Background(), started(1)); err != nil {
		t.Fatal(err)
	}
	big := started(2)
	big.Payload = event.StepFinished{Message: strings.Repeat("m", 1<<20)}
	if err := r.Append(context.Background(), big); err == nil {
		t.Fatal("a full disk went unnoticed")
	}
	if err := r.Append(context.Background(), resumed(2)); err == nil {
		t.Error("appended after a failure")
	}
	_ = r.Close()
	r, state, err := s.Open("r")
	if err != nil || state.Seq != 1 {
		t.Fatalf("after the failure: %d, %v", state.Seq, err)
	}
	_ = r.Close()
}

func TestLogFiles(t *testing.T) {
	s, _ := newRun(t, 1)
	r, _, err := s.Open("r")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	open := event.OpenStep{StepStarting: event.StepStarting{Attempt: 7, At: job.Cursor{Workflow: "run", Step: "a/../b ü"}}}
	for _, text := range []string{"first", "first, longer"} {
		out, errs, err := r.Open("r", open)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = out.Write([]byte(text))
		if err := errors.Join(out.Close(), errs.Close()); err != nil {
			t.Fatal(err)
		}
	}
	path := r.LogPath(7, open.At.Step, "stdout")
	if got, err := os.ReadFile(path); err != nil || string(got) != "first, longer" {
		t.Errorf("%q, %v", got, err)
	}
	if filepath.Base(path) != "0007-a_.._b__.stdout.log" {
		t.Errorf("path %s", path)
	}
}

func appendTo(t *testing.T, file, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
