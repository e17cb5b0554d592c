package acceptance

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor/docker"
)

// ordinaryUser is a user that nobody has told this system about.
const ordinaryUser = 54321

// The tour runs for an ordinary user too, without anything being set up.
func TestOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this user is an ordinary one: TestScripts shows it")
	}
	dir, err := os.MkdirTemp("", "kog-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	kog := filepath.Join(dir, "kog")
	copyFile(t, os.Args[0], kog)
	job := filepath.Join(dir, "tour.yaml")
	copyFile(t, "../examples/tour.yaml", job)
	state := filepath.Join(dir, "state")
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(state, 0o700), os.Chown(state, ordinaryUser, ordinaryUser)); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"doctor", "--state-dir", state}, 0, "✓ native"},
		{[]string{"run", "-f", job, "--state-dir", state}, 2, `"status":"abort"`},
		{[]string{"run", "-f", job, "--state-dir", state, "--env", "RELEASE_KEY=x", "--network", "none"}, 0, `"status":"success"`},
	} {
		cmd := exec.Command(kog, tc.args...)
		cmd.Dir, cmd.Env = "/", []string{"HOME=/nonexistent", "PATH=" + os.Getenv("PATH")}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ordinaryUser, Gid: ordinaryUser}}
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != tc.code || !strings.Contains(out.String(), tc.want) {
			t.Fatalf("kog %s: return code %d, want %d and %s\n%s", tc.args[0], code, tc.code, tc.want, &out)
		}
	}
	left, err := filepath.Glob(filepath.Join(state, "native", "containers", "[a-z]*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// userScript says where the file with the context comes from.
const userScript = `bb=/bin/busybox
$bb grep -q '"step_name"' "$KOG_CONTEXT_FILE" || exit 9
root=$($bb awk -v file="$KOG_CONTEXT_FILE" '$5 == file { print $4 }' /proc/self/mountinfo)
echo "KOG:{\"result\":\"success\",\"message\":\"$root\"}"`

// On an engine of the system, an ordinary user's files are mounted from the
// user's own folder if the engine sees it, and else come through the engine.
// Podman would not say that it does not see it.
func TestOrdinaryUserOnEngine(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root becomes another user")
	}
	onEngines(t, func(t *testing.T, w world) {
		dir := shortDir(t)
		c := newCutter(t, "unix", filepath.Join(dir, "engine.sock"), strings.TrimPrefix(w.host(), "unix://"))
		kog, job, state := filepath.Join(dir, "kog"), filepath.Join(dir, "job.yaml"), filepath.Join(dir, "state")
		copyFile(t, os.Args[0], kog)
		image := w.image(t, busyboxImage(t, dir, userScript))
		text := "name: user\nworkflows: {run: {start: {action: a, success: b}, b: {action: a}}}\nactions: {a: {image: '" + image + "'}}\n"
		if err := errors.Join(
			os.WriteFile(job, []byte(text), 0o644), os.Mkdir(state, 0o700), os.Chown(state, ordinaryUser, ordinaryUser),
			os.Chmod(dir, 0o755), os.Chmod(c.address, 0o666),
		); err != nil {
			t.Fatal(err)
		}
		user := strconv.Itoa(ordinaryUser)
		as := []string{"setpriv", "--reuid", user, "--regid", user, "--clear-groups"}
		unseen := []string{"unshare", "--mount", "sh", "-c", `mount -t tmpfs none "$0" && chmod 777 "$0" && exec "$@"`, state}
		for name, tc := range map[string]struct {
			before []string
			want   string
		}{
			"seen":   {as, map[string]string{docker.Name: "/files/kog-", docker.PodmanName: "/volumes/kog-"}[w.name]},
			"unseen": {slices.Concat(unseen, as), "/volumes/kog-"},
		} {
			t.Run(name, func(t *testing.T) {
				argv := slices.Concat(tc.before, []string{kog, "run", "-f", job, "--executor", w.name, "--state-dir", state})
				cmd := exec.Command(argv[0], argv[1:]...)
				cmd.Dir = "/"
				cmd.Env = []string{"HOME=/nonexistent", "PATH=" + os.Getenv("PATH"), w.told + "=unix://" + c.address}
				out, err := cmd.Output()
				if err != nil || !strings.Contains(string(out), `"status":"success"`) || !strings.Contains(string(out), tc.want) {
					t.Errorf("kog run: %v, want a file from %s...:\n%s", err, tc.want, out)
				}
				left, err := filepath.Glob(filepath.Join(state, "files", "*"))
				if left = append(left, w.left(t)...); err != nil || len(left) > 0 {
					t.Errorf("left behind: %v, %v", left, err)
				}
			})
		}
	})
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}
