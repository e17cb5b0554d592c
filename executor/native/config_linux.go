//go:build cgo

package native

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"
)

// config describes the container to the runc library.
func (s *shim) config(rootfs string) (*configs.Config, error) {
	caps, err := s.capabilities()
	if err != nil {
		return nil, err
	}
	c := &configs.Config{
		Rootfs:          rootfs,
		Readonlyfs:      s.ReadOnly,
		Capabilities:    &configs.Capabilities{Bounding: caps, Effective: caps, Permitted: caps},
		RootlessCgroups: s.view.config.Rootless,
		Cgroups:         s.view.config,
		Mounts:          s.standardMounts(),
	}
	for _, ns := range []configs.NamespaceType{configs.NEWNS, configs.NEWPID, configs.NEWIPC, configs.NEWUTS, configs.NEWCGROUP} {
		if configs.IsNamespaceSupported(ns) {
			c.Namespaces.Add(ns, "")
		}
	}
	c.Mounts = replace(c.Mounts, append(volumeMounts(s.Volumes), tmpfsMounts(s.Tmpfs)...))
	if slices.ContainsFunc(s.Volumes, isShared) {
		c.RootPropagation = unix.MS_SHARED | unix.MS_REC
	}
	if err := s.isolate(c, caps); err != nil {
		return nil, err
	}
	if err := s.addDevices(c); err != nil {
		return nil, err
	}
	if err := s.addNetwork(c); err != nil {
		return nil, err
	}
	return c, s.addFiles(c)
}

// isolate keeps the container from this machine, unless it is privileged.
func (s *shim) isolate(c *configs.Config, caps []string) (err error) {
	if s.Privileged {
		return nil
	}
	c.MaskPaths, c.ReadonlyPaths, c.NoNewPrivileges = maskedPaths(), readOnlyPaths(), true
	if c.Seccomp, err = seccompProfile(caps); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}

// addFiles puts the request's files into the container. They are in memory
// only.
func (s *shim) addFiles(c *configs.Config) error {
	if len(s.Files) == 0 {
		return nil
	}
	if err := os.Mkdir(s.privatePath(privateFiles), 0o700); err != nil {
		return err
	}
	for i, file := range s.Files {
		source := s.privatePath(privateFiles, strconv.Itoa(i))
		f, err := os.OpenFile(source, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
		if err != nil {
			return err
		}
		_, err = io.CopyN(f, s.blobs, file.Size)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err == nil {
			err = os.Chmod(source, 0o444) //nolint:gosec // every user of the container reads it
		}
		if err == nil {
			err = s.addFile(c, source, file.Path)
		}
		if err != nil {
			return fmt.Errorf("file %s: %w", file.Path, err)
		}
	}
	return nil
}

// addFile mounts one file read-only. A link in the image may lead to where
// nothing is; what it means inside of the container is worked out first.
// Something else that is mounted there already stays.
func (s *shim) addFile(c *configs.Config, source, target string) error {
	if slices.ContainsFunc(c.Mounts, func(m *configs.Mount) bool { return m.Destination == target }) {
		return nil
	}
	at, err := securejoin.SecureJoin(c.Rootfs, target)
	if err != nil {
		return err
	}
	if rel := strings.TrimPrefix(at, c.Rootfs); rel != "" && !underMount(c.Mounts, rel) {
		target = rel
	}
	m := bind(source, target)
	m.Flags = unix.MS_BIND | unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	m.PropagationFlags = []int{propagations["rprivate"]}
	c.Mounts = append(c.Mounts, m)
	return nil
}

// underMount: what a path means is decided by what is mounted above it, not by
// the image.
func underMount(mounts []*configs.Mount, name string) bool {
	return slices.ContainsFunc(mounts, func(m *configs.Mount) bool { return below(m.Destination, name) })
}

// below reports whether name is inside of dir.
func below(dir, name string) bool {
	return strings.HasPrefix(name, strings.TrimSuffix(filepath.Clean(dir), "/")+"/")
}

func inDepthOrder(mounts []*configs.Mount) []*configs.Mount {
	out := slices.Clone(mounts)
	slices.SortStableFunc(out, func(a, b *configs.Mount) int {
		return cmp.Compare(strings.Count(a.Destination, "/"), strings.Count(b.Destination, "/"))
	})
	return out
}
