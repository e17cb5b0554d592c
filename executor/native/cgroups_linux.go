//go:build cgo

package native

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/cgroups"
	devices "github.com/opencontainers/cgroups/devices/config"
	cgroupfs "github.com/opencontainers/cgroups/fs"
	"github.com/opencontainers/cgroups/fs2"
	"github.com/opencontainers/cgroups/manager"
	"golang.org/x/sys/unix"
)

const (
	cgroupRoot   = "/sys/fs/cgroup"
	cgroupHybrid = cgroupRoot + "/unified"
	cpuPeriod    = 100_000 // microseconds; docker's
)

// cgroupView is which cgroups a container has.
type cgroupView struct {
	config *cgroups.Cgroup
	paths  map[string]string
	// noDeviceRules: nothing keeps the container's root from using devices but
	// that it cannot make nodes for them.
	noDeviceRules bool
}

// cgroupName is unlike that of any other container on the machine, those of
// executors with other folders included.
func cgroupName(f folder) string { return cgroupPrefix(filepath.Dir(string(f))) + f.id() }

func cgroupPrefix(containers string) string {
	sum := sha256.Sum256([]byte(containers))
	return "kog-" + hex.EncodeToString(sum[:4]) + "-"
}

// A container without limits has one cgroup v2, for the rules on devices. The
// shim is started in it, and the container inherits it: putting a running
// process into a cgroup costs milliseconds. With limits the library makes the
// cgroups: one for each controller with cgroup v1.

// makeCgroup makes the cgroup of a container without limits and notes it in
// the request. It is nil where that cannot be done.
func (e *Executor) makeCgroup(req *request) *os.File {
	root := unifiedRoot()
	if e.rootless || root == "" || req.limited() {
		return nil
	}
	path := filepath.Join(root, cgroupName(req.Folder))
	dir, err := newCgroup(path, req.deviceRules())
	if err != nil {
		e.log.Debug("cgroup left to the library", "path", path, "error", err)
		return nil
	}
	req.Cgroup = path
	return dir
}

// newCgroup makes a cgroup v2 with rules on devices.
func newCgroup(path string, rules []*devices.Rule) (*os.File, error) {
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, err
	}
	err := cgroups.DevicesSetV2(path, &cgroups.Resources{Devices: rules})
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	dir, err := os.Open(path)
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	return dir, nil
}

// unifiedRoot is where cgroup v2 is mounted, alone or beside v1.
func unifiedRoot() string {
	for _, path := range []string{cgroupRoot, cgroupHybrid} {
		if isCgroup2(path) {
			return path
		}
	}
	return ""
}

func (r request) limited() bool { return r.Memory > 0 || r.CPUs > 0 }

// enterCgroups decides on the container's cgroups.
func (s *shim) enterCgroups() (cgroupView, error) {
	if s.limited() || !s.Rootless && s.Cgroup == "" && libraryMayWrite() {
		return s.libraryCgroups()
	}
	v := cgroupView{config: &cgroups.Cgroup{Resources: &cgroups.Resources{}, Rootless: true, Name: "kog-none"}}
	v.noDeviceRules = !s.Rootless && s.Cgroup == ""
	if s.Cgroup != "" {
		s.self.Cgroups = []string{s.Cgroup}
	}
	return v, hideCgroups()
}

// libraryMayWrite: in a container of somebody else, cgroups are often read-only.
func libraryMayWrite() bool {
	if isCgroup2(cgroupRoot) {
		return unix.Access(cgroupRoot, unix.W_OK) == nil
	}
	return unix.Access(cgroupRoot+"/devices", unix.W_OK) == nil
}

// hideCgroups lets the library find nothing but a cgroup v2 that it cannot
// write to. It leaves it at that, as it does for ordinary users.
func hideCgroups() error {
	var st unix.Statfs_t
	source, kind, flags := unifiedRoot(), "", uintptr(unix.MS_BIND)
	switch {
	case source != "":
	case unix.Statfs(cgroupRoot, &st) == nil && st.Type == unix.TMPFS_MAGIC:
		return nil // cgroup v1 alone
	default:
		source, kind, flags = "cgroup2", "cgroup2", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC
	}
	if err := unix.Mount(source, cgroupRoot, kind, flags, ""); err != nil {
		return mountError("mount "+cgroupRoot, err)
	}
	const readOnly = unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_RELATIME
	if err := unix.Mount("", cgroupRoot, "", readOnly, ""); err != nil {
		return mountError("mount "+cgroupRoot+" read-only", err)
	}
	return nil
}

// libraryCgroups lets the library make the cgroups.
func (s *shim) libraryCgroups() (cgroupView, error) {
	v := cgroupView{config: s.cgroupConfig()}
	m, err := manager.New(v.config)
	if err != nil {
		return v, fmt.Errorf("cgroups: %w", err)
	}
	v.paths = m.GetPaths()
	s.self.Cgroups = slices.Sorted(maps.Values(v.paths))
	return v, nil
}

func (s *shim) cgroupConfig() *cgroups.Cgroup {
	c := &cgroups.Cgroup{Resources: &cgroups.Resources{}, Rootless: s.Rootless}
	if s.Rootless {
		c.Name = cgroupName(s.Folder) // beside the own cgroup; that it may not be made is no error
	} else {
		c.Path = "/" + cgroupName(s.Folder)
	}
	c.Devices = s.deviceRules()
	if s.Memory > 0 {
		c.Memory = s.Memory
		if swapIsCounted() {
			c.MemorySwap = s.Memory // memory and swap together
		}
	}
	if s.CPUs > 0 {
		c.CpuPeriod, c.CpuQuota = cpuPeriod, max(1000, int64(s.CPUs*cpuPeriod)) // the kernel's least is 1 ms
	}
	return c
}

func isCgroup2(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC
}

// swapIsCounted: cgroup v2 always has the file in cgroups below the root, v1
// only where the kernel was told to count.
func swapIsCounted() bool {
	if isCgroup2(cgroupRoot) {
		return true
	}
	_, err := os.Stat(cgroupRoot + "/memory/memory.memsw.limit_in_bytes")
	return err == nil
}

// oomKilled reports whether the kernel killed anything in the container's
// cgroup for want of memory.
func (s *shim) oomKilled() bool {
	if s.Memory == 0 {
		return false
	}
	count := cgroupfs.OOMKillCount
	path, ok := s.view.paths["memory"]
	if !ok {
		count, path = fs2.OOMKillCount, s.view.paths[""]
	}
	n, err := count(path)
	return err == nil && n > 0
}

// removeCgroups removes what a killed shim has left.
func (f folder) removeCgroups() error {
	r, err := f.shimRecord()
	if err != nil && !errors.Is(err, errNoShim) {
		return err
	}
	if root := unifiedRoot(); root != "" && len(r.Cgroups) == 0 { // the shim died before it wrote anything
		r.Cgroups = []string{filepath.Join(root, cgroupName(f))}
	}
	for _, path := range r.Cgroups {
		// The name is checked because the folder may have been tampered with.
		if filepath.Base(path) != cgroupName(f) {
			continue
		}
		if err := cgroups.RemovePath(path); err != nil {
			return err
		}
	}
	return nil
}
