//go:build cgo

package native

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// enter makes the shim's mount namespace its own: what is mounted here never
// shows on the host and is gone with the shim.
func (s *shim) enter() error {
	// Trees that stay in the host's peer groups are taken before those are left.
	shared, err := s.openShared()
	if err != nil {
		return err
	}
	for _, m := range []struct {
		what, source, target, kind string
		flags                      uintptr
		data                       string
	}{
		{what: "leave the host's mounts alone", target: "/", flags: unix.MS_SLAVE | unix.MS_REC},
		{"mount /proc", "proc", "/proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
		{"mount tmpfs", "kog", s.private, "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=711"},
	} {
		if err := unix.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
			return mountError(m.what, err)
		}
	}
	if err := os.Mkdir(s.privatePath(privateRootfs), 0o755); err != nil {
		return err
	}
	if err := s.placeShared(shared); err != nil {
		return err
	}
	s.view, err = s.enterCgroups()
	return err
}

// mountError says what to do where mounting is forbidden.
func mountError(what string, err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("%s: %w: %s: %w", what, err, namespaceHelp(os.Geteuid() != 0 || inUserNamespace()), executor.ErrUnsupported)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// openShared opens the sources of volumes whose mounts are to be seen on the
// host too.
func (s *shim) openShared() (map[int]int, error) {
	trees := map[int]int{}
	for i, v := range s.Volumes {
		if !isShared(v) {
			continue
		}
		const flags = unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_RECURSIVE
		fd, err := unix.OpenTree(unix.AT_FDCWD, v.Source, flags)
		if err != nil {
			return nil, fmt.Errorf("volume %s: open_tree: %w", v, err)
		}
		trees[i] = fd
	}
	return trees, nil
}

// placeShared mounts what openShared opened, and lets the volumes refer to it.
func (s *shim) placeShared(trees map[int]int) error {
	for i, fd := range trees {
		v := &s.Volumes[i]
		at := s.privatePath(privateShared + strconv.Itoa(i))
		if err := placeFor(v.Source, at); err != nil {
			return fmt.Errorf("volume %s: %w", v, err)
		}
		if err := unix.MoveMount(fd, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return fmt.Errorf("volume %s: move_mount: %w", v, err)
		}
		if err := unix.Close(fd); err != nil {
			return err
		}
		v.Source = at
	}
	return nil
}

// placeFor makes an empty file or folder to mount source on.
func placeFor(source, at string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.Mkdir(at, 0o755)
	}
	f, err := os.Create(at)
	if err != nil {
		return err
	}
	return f.Close()
}
