//go:build cgo

package native_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
	"gitlab.com/f5-pwe/kog/v3/executor/native"
)

// copyVariable makes TestContract copy root file systems.
const copyVariable = "KOG_NATIVE_TEST_COPY"

func TestContract(t *testing.T) {
	contract(t, os.Getenv(copyVariable) != "")
}

func TestContractWithCopies(t *testing.T) {
	if os.Getenv(asUserVariable) != "" {
		t.Skip("the ordinary user has the other test with a variable")
	}
	contract(t, true)
}

// TestContractAsUser runs the contract as an ordinary user, in a process of
// its own.
func TestContractAsUser(t *testing.T) {
	asUser(t, "^TestContract$")
}

func TestContractWithCopiesAsUser(t *testing.T) {
	asUser(t, "^TestContract$", copyVariable+"=1")
}

func contract(t *testing.T, copies bool) {
	needNative(t)
	dir := tempDir(t)
	executortest.Run(t, executortest.Config{
		New: func(t *testing.T) executor.Executor {
			e, err := native.New(native.Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			if copies {
				native.ForceCopy(e)
			}
			return e
		},
		Load: func(t *testing.T, img executortest.Image) string { return "docker-archive:" + img.Archive },
		NewProcess: func(t *testing.T) *exec.Cmd {
			cmd := exec.Command(self(t))
			cmd.Env = append(childEnv(), serveVariable+"="+dir)
			return cmd
		},
		Leftovers:    func(t *testing.T) []string { return leftovers(t, dir) },
		TellsSignals: true,
	})
}

// childEnv is the environment of another process of this binary. Under the race
// detector it would sleep for a second when it ends.
func childEnv() []string { return append(os.Environ(), "GORACE=atexit_sleep_ms=0") }

func self(t testing.TB) string {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// needNative skips a test where no container can be started, unless that is
// required.
func needNative(t testing.TB) {
	t.Helper()
	e, err := native.New(native.Options{Dir: tempDir(t)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Probe(t.Context()); err != nil {
		executortest.Unavailable(t, native.Name, err.Error())
	}
}

// leftovers are the traces of an executor's containers on this machine.
func leftovers(t testing.TB, dir string) []string {
	t.Helper()
	var left []string
	for _, pattern := range []string{
		filepath.Join(dir, "containers", "*"),
		filepath.Join(dir, "containers", ".*"),
		"/sys/fs/cgroup/" + native.CgroupPrefix(dir) + "*",
		"/sys/fs/cgroup/*/" + native.CgroupPrefix(dir) + "*",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, found...)
	}
	// Shims have a mount in the folder; everybody else, this process included,
	// must not see one.
	tables, err := filepath.Glob("/proc/[0-9]*/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		data, err := os.ReadFile(table) // may have ended, or be somebody else's
		if err == nil && bytes.Contains(data, []byte(dir+"/containers")) {
			left = append(left, "a mount in "+table)
		}
	}
	return left
}

// cleanupContext outlives t.Context, which has ended when clean-ups run.
func cleanupContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), executortest.DefaultTimeout)
	t.Cleanup(cancel)
	return ctx
}
