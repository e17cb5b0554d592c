package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor/native"
)

// A run that is ended by signals is reported too: as it ended after the first,
// as far as it came after the second.
func TestReportAfterSignals(t *testing.T) {
	for name, tc := range map[string]struct {
		script string
		kinds  []string // what to wait for between the signals
		code   int
		want   string
	}{
		"one": {sleepsLightly, nil, 2, `<error message="interrupted" type="abort">`},
		"two": {sleepsSoundly, []string{"step_stopping"}, 125, `<error message="not finished when this report was made" type="unfinished">`},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "report.xml")
			t.Setenv("KOG_REPORT", "junit:"+file)
			s := startSleeping(t, tc.script)
			t.Cleanup(func() { s.goOn(t) })
			s.signal(t)
			for _, kind := range tc.kinds {
				s.until(t, kind)
				s.signal(t)
			}
			s.ends(t, tc.code)
			if data, err := os.ReadFile(file); err != nil || !strings.Contains(string(data), tc.want) {
				t.Errorf("%v\n%s\nwant %s", err, data, tc.want)
			}
		})
	}
}

// A report that can be written no more at the end is trouble of kog's own; the
// result is told all the same.
func TestReportThatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KOG_REPORT", "html:"+filepath.Join(dir, "report.html"))
	s := startSleeping(t, sleepsLightly)
	t.Cleanup(func() { s.goOn(t) })
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	s.signal(t)
	s.ends(t, 125)
	if !strings.Contains(s.stdout.String(), `"status":"abort"`) {
		t.Errorf("no result: %s", &s.stdout)
	}
	if !strings.Contains(s.stderr.String(), "--report html: write "+dir) || !strings.Contains(s.stderr.String(), "Run signals is kept in ") {
		t.Errorf("stderr %s", &s.stderr)
	}
}

// goOn takes the run to its end, if it has not ended, so that no container is left.
func (s *sleeping) goOn(t *testing.T) {
	t.Helper()
	_ = s.cmd.Process.Kill() // it has ended, unless the test failed
	_ = s.cmd.Wait()
	path, err := exec.LookPath("resume")
	if err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command(path, native.Name, s.state, "signals").CombinedOutput()
	if left := s.containers(t); len(left) > 0 {
		t.Errorf("left behind: %v\n%s", left, out)
	}
}

func (s *sleeping) signal(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
}

func (s *sleeping) ends(t *testing.T, code int) {
	t.Helper()
	_ = s.cmd.Wait()
	if got := s.cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("return code %d, want %d\n%s", got, code, &s.stderr)
	}
}
