package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
	"gitlab.com/f5-pwe/kog/v3/executor/native"
)

// terminal is a shell in a terminal emulator, of which the test sees what a
// person would.
type terminal struct {
	t *testing.T
	// dir holds the emulator's socket, state is kog's state folder.
	dir, state string
	// before is what is typed before the command that runs kog.
	before string
}

// newTerminal starts a shell in a terminal. Each line of env is one variable.
func newTerminal(t *testing.T, width, height int, env ...string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		executortest.Unavailable(t, "tmux", err.Error())
	}
	// Not t.TempDir: a socket's path has to be short.
	dir, err := os.MkdirTemp("", "kog-tmux-")
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, dir: dir, state: filepath.Join(t.TempDir(), "state")}
	t.Cleanup(func() {
		_, _ = term.tmux("kill-server")
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	shell := append([]string{"env", "-u", "CI", "-u", "NO_COLOR", "PS1=$ ", "LC_ALL=C.UTF-8"}, env...)
	args := []string{"-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), "--"}
	if out, err := term.tmux(append(args, append(shell, "sh")...)...); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return term
}

func (term *terminal) tmux(args ...string) (string, error) {
	cmd := exec.Command("tmux", append([]string{"-u", "-S", filepath.Join(term.dir, "socket")}, args...)...)
	cmd.Env = append(os.Environ(), "TMUX=", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (term *terminal) must(args ...string) string {
	term.t.Helper()
	out, err := term.tmux(args...)
	if err != nil {
		term.t.Fatalf("tmux %s: %v: %s", args[0], err, out)
	}
	return out
}

// enter types a command.
func (term *terminal) enter(command string) {
	term.t.Helper()
	term.must("send-keys", "-l", command)
	term.must("send-keys", "Enter")
}

func (term *terminal) resize(width, height int) {
	term.t.Helper()
	term.must("resize-window", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height))
}

// screen is what is on the terminal now.
func (term *terminal) screen() string {
	term.t.Helper()
	return term.must("capture-pane", "-p")
}

// all is what is on the terminal and what scrolled away.
func (term *terminal) all() string {
	term.t.Helper()
	return term.must("capture-pane", "-p", "-J", "-S", "-")
}

// until waits for something to be on the terminal, and gives the screen then.
func (term *terminal) until(pattern string) string {
	term.t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if s := term.screen(); re.MatchString(s) {
			return s
		}
	}
	term.t.Fatalf("no %q within a minute:\n%s", pattern, term.all())
	return ""
}

// job writes a job with one step, which runs a script and has an abort edge.
func (term *terminal) job(script string) string {
	term.t.Helper()
	dir := term.t.TempDir()
	text := fmt.Sprintf(`
name: on a terminal
workflows:
  run:
    start: {action: script, success: last, failure: last, abort: clean, duration: 1h}
    clean: {action: done, success: last}
    last: {action: done}
actions:
  script: {image: 'docker-archive:%s'}
  done: {image: 'builtin:auto-result', env: {MESSAGE: said by the built-in image}}
`, busyboxImage(term.t, dir, script))
	file := filepath.Join(dir, "job.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		term.t.Fatal(err)
	}
	return file
}

// run types the command that runs the job, and prints its return code behind "rc ".
func (term *terminal) run(job string, more ...string) {
	term.t.Helper()
	path, err := exec.LookPath("kog")
	if err != nil {
		term.t.Fatal(err)
	}
	term.enter(fmt.Sprintf("%s %s run -f %s --state-dir %s --executor native %s; echo rc $?",
		term.before, path, job, term.state, strings.Join(more, " ")))
}

// goOn takes a run that kog left to its end, so that no container stays.
func (term *terminal) goOn(run string) {
	term.t.Helper()
	path, err := exec.LookPath("resume")
	if err != nil {
		term.t.Fatal(err)
	}
	cmd := exec.Command(path, native.Name, term.state, run)
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code > 3 {
		term.t.Errorf("resumed: return code %d\n%s", code, out)
	}
}

// usable checks that the terminal is as it was before kog.
func (term *terminal) usable() {
	term.t.Helper()
	term.enter(`case "$(stty -a | tr '\n' ' ')" in *' icanon '*' echo '*) echo us''able;; esac`)
	term.until(`^usable$`)
	const modes = "cursor #{cursor_flag}, alternate screen #{alternate_on}, wrap #{wrap_flag}"
	if got := strings.TrimSpace(term.must("display-message", "-p", modes)); got != "cursor 1, alternate screen 0, wrap 1" {
		term.t.Errorf("the terminal has %s", got)
	}
}

// Scripts that wait for a file /go/on in a volume before they end, so that a
// test decides when.
const waits = "while ! /bin/busybox test -e /go/on; do /bin/busybox sleep 0.05; done; "

// gate is a volume with the file that waits waits for.
type gate struct{ dir string }

func newGate(t *testing.T) gate { return gate{t.TempDir()} }

func (g gate) volume() string { return "--volume " + g.dir + ":/go" }

func (g gate) open(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, "on"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
