//go:build cgo

package native

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/cgroups"
	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// checkLimits refuses limits that cannot be enforced.
func (e *Executor) checkLimits(spec executor.Spec) error {
	for _, l := range []struct {
		asked            bool
		what, controller string
	}{
		{spec.Memory > 0, "memory limit", "memory"},
		{spec.CPUs > 0, "cpu limit", "cpu"},
	} {
		if !l.asked {
			continue
		}
		if a := e.limitAbility(l.controller); !a.OK {
			return fmt.Errorf("%s: %s: %w", l.what, a.Why, executor.ErrUnsupported)
		}
	}
	return nil
}

// limitAbility says whether a controller's limits can be set.
func (e *Executor) limitAbility(controller string) executor.Ability {
	if !isCgroup2(cgroupRoot) {
		return e.limitAbilityV1(controller)
	}
	dir := cgroupRoot
	if e.rootless {
		own, err := ownCgroup2()
		if err != nil {
			return executor.Ability{Why: err.Error()}
		}
		dir = filepath.Join(cgroupRoot, filepath.Dir(own)) // the container's will be beside the own one
	}
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return executor.Ability{Why: err.Error()}
	}
	if !slices.Contains(strings.Fields(string(data)), controller) {
		return executor.Ability{Why: fmt.Sprintf("the cgroup %s has no %s controller", dir, controller)}
	}
	return e.writable(dir, filepath.Join(dir, "cgroup.subtree_control"))
}

func (e *Executor) limitAbilityV1(controller string) executor.Ability {
	dir := filepath.Join(cgroupRoot, controller)
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Type != unix.CGROUP_SUPER_MAGIC {
		return executor.Ability{Why: fmt.Sprintf("the %s controller of cgroups is not mounted at %s", controller, dir)}
	}
	if e.rootless {
		return executor.Ability{Why: "with cgroup v1 it needs root"}
	}
	return e.writable(dir)
}

func (e *Executor) writable(names ...string) executor.Ability {
	for _, name := range names {
		if err := unix.Access(name, unix.W_OK); err != nil {
			why := fmt.Sprintf("%s cannot be written: %v", name, err)
			if e.rootless {
				why += "; run as root, or in a cgroup that is delegated to you (systemd-run --user --scope -p Delegate=yes ...)"
			}
			return executor.Ability{Why: why}
		}
	}
	return executor.Ability{OK: true}
}

// ownCgroup2 is this process's cgroup in the unified hierarchy.
func ownCgroup2() (string, error) {
	own, err := cgroups.ParseCgroupFile("/proc/self/cgroup")
	if err != nil {
		return "", fmt.Errorf("find own cgroup: %w", err)
	}
	return own[""], nil
}
