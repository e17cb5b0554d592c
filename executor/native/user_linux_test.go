//go:build cgo

package native_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
)

// asUserVariable is set in the processes that asUser starts.
const asUserVariable = "KOG_NATIVE_TEST_AS_USER"

// testUser has no account and no subordinate IDs, as is usual on build machines.
const testUser = 20017

// asUser runs tests of this binary once more as an ordinary user, in a
// directory of his own. When the tests run as one anyway it skips.
func asUser(t *testing.T, pattern string, env ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("this is an ordinary user already")
	}
	dir := tempDir(t)
	binary := filepath.Join(dir, "native.test")
	copyFile(t, binary, self(t))
	probe := os.Getenv(executortest.ProbeVariable)
	if probe == "" {
		var err error
		if probe, err = executortest.BuildProbe(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(home, testUser, testUser); err != nil {
		t.Fatal(err)
	}
	args := []string{"-test.run", pattern, "-test.v=true"}
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir = home
	cmd.Env = append(childEnv(), "HOME="+home, "TMPDIR="+home, "XDG_RUNTIME_DIR=", asUserVariable+"=1", executortest.ProbeVariable+"="+probe)
	cmd.Env = append(cmd.Env, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: testUser, Gid: testUser}}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, dst, src string) {
	t.Helper()
	from, err := os.Open(src)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	to, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
}
