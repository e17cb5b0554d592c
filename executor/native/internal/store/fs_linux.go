package store

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

func supported() error { return nil }

// Attributes with which overlayfs marks files; an image must not bring its own.
const (
	overlayTrusted = "trusted.overlay."
	overlayUser    = "user.overlay."
)

func isOverlayMark(attr string) bool {
	return strings.HasPrefix(attr, overlayTrusted) || strings.HasPrefix(attr, overlayUser)
}

// openDirAt opens a directory, not a link to one.
func openDirAt(dir *os.File, name string) (*os.File, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// statAt looks at a name itself, not at what a link leads to. there is false
// when nothing has that name.
func statAt(dir *os.File, name string) (st unix.Stat_t, there bool, err error) {
	err = unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return st, false, nil
	}
	if err != nil {
		return st, false, &os.PathError{Op: "stat", Path: name, Err: err}
	}
	return st, true, nil
}

func kindOf(st unix.Stat_t) uint32 { return st.Mode & unix.S_IFMT }

// isWhiteout recognises the mark of a removed file.
func isWhiteout(st unix.Stat_t) bool { return kindOf(st) == unix.S_IFCHR && st.Rdev == 0 }

// removeAt removes a name and everything below it. A missing one is no error.
func removeAt(dir *os.File, name string) error {
	err := unix.Unlinkat(int(dir.Fd()), name, 0)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	st, there, serr := statAt(dir, name)
	if serr != nil || !there || kindOf(st) != unix.S_IFDIR {
		return &os.PathError{Op: "remove", Path: name, Err: err}
	}
	sub, err := openDirAt(dir, name)
	if err != nil {
		return err
	}
	err = removeAllIn(sub)
	_ = sub.Close()
	if err != nil {
		return err
	}
	if err := unix.Unlinkat(int(dir.Fd()), name, unix.AT_REMOVEDIR); err != nil {
		return &os.PathError{Op: "remove", Path: name, Err: err}
	}
	return nil
}

// removeAllIn removes what a directory holds.
func removeAllIn(dir *os.File) error {
	names, err := dirNames(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := removeAt(dir, name); err != nil {
			return err
		}
	}
	return nil
}

func dirNames(dir *os.File) ([]string, error) {
	if _, err := dir.Seek(0, 0); err != nil {
		return nil, err
	}
	return dir.Readdirnames(-1)
}

// refused reports whether the kernel or the file system does not let us have
// a device or an attribute.
func refused(err error) bool {
	for _, no := range []error{unix.EPERM, unix.EACCES, unix.ENOTSUP, unix.ENOSYS, unix.EINVAL} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// setAttr sets an attribute; one that is refused is left out.
func setAttr(f *os.File, name string, value []byte) error {
	err := unix.Fsetxattr(int(f.Fd()), name, value, 0)
	if err != nil && !refused(err) {
		return &os.PathError{Op: "set attribute " + name, Path: f.Name(), Err: err}
	}
	return nil
}

// syncTree writes the file system of a folder to the disk: one call instead of
// one for every file of a layer.
func syncTree(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = unix.Syncfs(int(f.Fd()))
	_ = f.Close()
	if err != nil {
		return &os.PathError{Op: "sync", Path: dir, Err: err}
	}
	return nil
}
