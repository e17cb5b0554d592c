//go:build cgo

package native_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// cgroupsVariable makes the test binary see cgroups as other machines have
// them.
const cgroupsVariable = "KOG_NATIVE_TEST_CGROUPS"

const cgroups = "/sys/fs/cgroup"

// layouts are the kinds of machines that this one can be made to look like.
// They are made in a mount namespace.
var layouts = map[string]func() error{
	"version 2": func() error {
		if err := syscall.Mount(cgroups+"/unified", cgroups, "", syscall.MS_BIND, ""); err == nil {
			return nil
		}
		return syscall.Mount("cgroup2", cgroups, "cgroup2", 0, "")
	},
	"version 1": func() error { return syscall.Unmount(cgroups+"/unified", syscall.MNT_DETACH) },
	"none":      func() error { return syscall.Unmount(cgroups, syscall.MNT_DETACH) },
	"read-only": func() error {
		mounts, err := filepath.Glob(cgroups + "/*")
		if err != nil {
			return err
		}
		for _, m := range append(mounts, cgroups) {
			err := syscall.Mount("", m, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, "")
			if err != nil && err != syscall.EINVAL { // not a mount
				return err
			}
		}
		return nil
	},
}

func enterLayout(name string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_SLAVE|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("leave the host's mounts alone: %w", err)
	}
	if err := layouts[name](); err != nil {
		return fmt.Errorf("cgroups %s: %w", name, err)
	}
	return nil
}

// TestCgroupLayouts runs what depends on cgroups on other kinds of machines.
func TestCgroupLayouts(t *testing.T) {
	asRoot(t)
	if os.Getenv(cgroupsVariable) != "" {
		t.Skip("this is one of them")
	}
	for name := range layouts {
		t.Run(name, func(t *testing.T) {
			if name == "version 1" && !isMount(t, cgroups+"/unified") {
				t.Skip("this machine has no cgroup v1 beside v2")
			}
			cmd := exec.CommandContext(t.Context(), self(t), "-test.v=true", "-test.run",
				"^(TestInside|TestDevices|TestKilledShim|TestLimits|TestLimitsNeedCgroups|TestOutOfMemory|TestProbe|TestMountsOfTheHost|TestPrivileged|TestPrivilegedDevices|TestDeviceSources)$")
			cmd.Env = append(childEnv(), cgroupsVariable+"="+name)
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
			out, err := cmd.CombinedOutput()
			t.Logf("%s", out)
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// isMount reports whether something is mounted on a folder.
func isMount(t *testing.T, dir string) bool {
	t.Helper()
	var here, above syscall.Stat_t
	if err := syscall.Stat(dir, &here); err != nil {
		return false
	}
	if err := syscall.Stat(filepath.Dir(dir), &above); err != nil {
		t.Fatal(err)
	}
	return here.Dev != above.Dev
}
