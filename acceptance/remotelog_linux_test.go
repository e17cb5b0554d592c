package acceptance

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leodido/go-syslog/v4/rfc5424"

	"gitlab.com/f5-pwe/kog/v3/internal/logs/rsyslogtest"
)

const remoteLogJob = `
name: remote log
workflows: {run: {start: {action: talks}}}
actions: {talks: {image: 'docker-archive:ARCHIVE'}}
`

// What the step says: its log settings, and text that should do no harm.
const talkScript = `/bin/busybox grep -o '"logging":{[^}]*}' /run/kog/context.json
printf 'colour \033[31m\n' >&2
echo 'KOG:{"result":"success","message":"done"}'`

// kogRun gives a command that runs a job of one image which runs a script.
func kogRun(t *testing.T, script string, args ...string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	job := filepath.Join(dir, "job.yaml")
	text := strings.ReplaceAll(remoteLogJob, "ARCHIVE", busyboxImage(t, dir, script))
	if err := os.WriteFile(job, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath("kog")
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"run", "-f", job, "--state-dir", filepath.Join(dir, "state"), "--executor", "native", "--run-id", "remote"}, args...)
	return exec.Command(path, args...)
}

// remoteArgs are the flags for a server that takes TLS.
func remoteArgs(s *rsyslogtest.Server) []string {
	return []string{
		"--remote-logger", "syslog", "--remote-logger-addr", s.TLS(),
		"--remote-logger-ca", s.CA, "--remote-logger-cert", s.Client.Cert, "--remote-logger-key", s.Client.Key,
	}
}

// The remote log has the run, whatever is shown here.
func TestRemoteLogHasEverything(t *testing.T) {
	s := rsyslogtest.Start(t)
	const step = `[kog@32473 run="remote" step="run/start" attempt="1"]`
	want := []string{
		`run [kog@32473 run="remote"] run started task="remote log"`,
		"run " + step + " step starting action=talks",
		`output [kog@32473 run="remote" step="run/start" attempt="1" stream="stdout"] "logging":{"formatter":"json","remote_logger":"syslog","remote_logger_addr":"` + s.TLS() + `"}`,
		`output [kog@32473 run="remote" step="run/start" attempt="1" stream="stderr"] colour \x1b[31m`,
		"run " + step + " step finished outcome=success rc=0 message=done",
		`run [kog@32473 run="remote"] run finished status=success`,
	}
	seen := 0
	for _, output := range []string{"plain", "json", "quiet"} {
		cmd := kogRun(t, talkScript, append(remoteArgs(s), "--output", output, "--log-formatter", "json")...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v\n%s", output, err, &stderr)
		}
		if lost.Match(stderr.Bytes()) {
			t.Errorf("%s: %s", output, &stderr)
		}
		switch {
		case output == "plain" && !strings.Contains(stderr.String(), `"msg":"colour \u001b[31m","stream":"stderr"`),
			output == "json" && !strings.Contains(stdout.String(), `"kind":"step_output"`),
			output == "quiet" && stderr.Len() > 0:
			t.Errorf("%s: the local output is not what it should be:\n%s\n%s", output, &stdout, &stderr)
		}
		messages := s.Await(t, "the end of the run", func(m []string) bool {
			return slices.ContainsFunc(m[seen:], func(line string) bool { return strings.Contains(line, "run finished") })
		})
		got := messages[seen:]
		seen = len(messages)
		for _, w := range want {
			n := 0
			for _, m := range got {
				if strings.Contains(withoutSequence(t, m), " "+w) {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%s: %d of %s in\n%s", output, n, w, strings.Join(got, "\n"))
			}
		}
	}
}

// lost finds lines that were not even sent.
var lost = regexp.MustCompile(`"lost":[1-9]`)

var sequence = regexp.MustCompile(`\[meta sequenceId="[0-9]+"\]`)

// withoutSequence checks a message and takes its number out.
func withoutSequence(t *testing.T, message string) string {
	t.Helper()
	if _, err := rfc5424.NewParser().Parse([]byte(message)); err != nil {
		t.Fatalf("%q: %v", message, err)
	}
	return sequence.ReplaceAllString(message, "")
}

// Says ten lines three times, and waits for leave in between.
const patientScript = `for part in a b c; do
  for n in 0 1 2 3 4 5 6 7 8 9; do echo "line $part$n"; done
  echo > /gate/said-$part
  until [ -e /gate/go-$part ]; do /bin/busybox sleep 0.01; done
done
echo 'KOG:{"result":"success"}'`

// The server is killed and comes back in the midst of a run.
func TestServerIsAwayDuringARun(t *testing.T) {
	s := rsyslogtest.Start(t)
	gate := t.TempDir()
	cmd := kogRun(t, patientScript, append(remoteArgs(s), "--volume", gate+":/gate", "--output", "quiet")...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	part := func(name string, then func()) {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			if _, err := os.Stat(filepath.Join(gate, "said-"+name)); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("part %s did not come within a minute\n%s", name, &stderr)
			}
		}
		then()
		if err := os.WriteFile(filepath.Join(gate, "go-"+name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	part("a", func() { s.Hang(t) })
	part("b", func() { s.Kill(t) })
	part("c", func() {
		s.Restart(t)
		s.Await(t, "every line", func(m []string) bool {
			text := strings.Join(m, "\n") + "\n"
			return !slices.ContainsFunc(thirtyLines(), func(line string) bool { return !strings.Contains(text, line) })
		})
	})
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	if stderr.Len() > 0 || !strings.Contains(stdout.String(), `"status":"success"`) {
		t.Errorf("%s\n%s", &stdout, &stderr)
	}
}

// thirtyLines are what the patient script says, as messages end.
func thirtyLines() []string {
	var lines []string
	for _, part := range []string{"a", "b", "c"} {
		for n := range 10 {
			lines = append(lines, fmt.Sprintf("] line %s%d\n", part, n))
		}
	}
	return lines
}

// Trouble of kog's own is on the remote log too.
func TestRemoteLogHasTheError(t *testing.T) {
	s := rsyslogtest.Start(t)
	cmd := kogRun(t, talkScript, "--remote-logger", "syslog", "--remote-logger-addr", s.UDP(), "--step", "absent")
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 125 {
		t.Fatalf("%v\n%s", err, out)
	}
	s.Await(t, "the error", func(m []string) bool {
		return len(m) == 1 && strings.HasPrefix(m[0], "<11>1 ") && strings.Contains(m[0], "kog ended with an error error=") && strings.Contains(m[0], "absent")
	})
}
