package acceptance

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
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
