package store

import (
	"bytes"
	"errors"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// special copies a symbolic link or a named pipe.
func (f *flattener) special(p pair, name string, st unix.Stat_t) error {
	dst, at := int(p.dst.Fd()), path.Join(p.name, name)
	var err error
	switch kindOf(st) {
	case unix.S_IFLNK:
		var target string
		if target, err = readLink(p.src, name); err == nil {
			err = unix.Symlinkat(target, dst, name)
		}
	case unix.S_IFIFO:
		if err = unix.Mknodat(dst, name, unix.S_IFIFO|0o600, 0); err == nil {
			err = unix.Fchmodat(dst, name, st.Mode&0o7777, 0)
		}
	default:
		err = errors.New("neither a file, a directory, a link nor a pipe")
	}
	if err == nil && !f.Rootless {
		err = unix.Fchownat(dst, name, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW)
	}
	if err != nil {
		return &os.PathError{Op: "copy", Path: at, Err: err}
	}
	return copyTimes(p.dst, name, st)
}

func readLink(dir *os.File, name string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(dir.Fd()), name, buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// copyMeta copies owner, mode and attributes, in this order: a change of owner
// clears the set-user-ID bit and the capabilities.
func (f *flattener) copyMeta(src, dst *os.File, st unix.Stat_t) error {
	fd := int(dst.Fd())
	if !f.Rootless {
		if err := unix.Fchown(fd, int(st.Uid), int(st.Gid)); err != nil {
			return &os.PathError{Op: "chown", Path: dst.Name(), Err: err}
		}
	}
	if err := unix.Fchmod(fd, st.Mode&0o7777); err != nil {
		return &os.PathError{Op: "chmod", Path: dst.Name(), Err: err}
	}
	return copyAttrs(src, dst)
}

// copyTimes comes last: whatever else is done to a file changes them.
func copyTimes(dir *os.File, name string, st unix.Stat_t) error {
	times := []unix.Timespec{st.Atim, st.Mtim}
	if err := unix.UtimesNanoAt(int(dir.Fd()), name, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &os.PathError{Op: "set time", Path: name, Err: err}
	}
	return nil
}

// copyAttrs copies the attributes that an image can have.
func copyAttrs(src, dst *os.File) error {
	length, err := unix.Flistxattr(int(src.Fd()), nil)
	if err != nil || length == 0 {
		return nil // a file system without attributes has none to copy
	}
	list := make([]byte, length)
	if length, err = unix.Flistxattr(int(src.Fd()), list); err != nil {
		return &os.PathError{Op: "list attributes", Path: src.Name(), Err: err}
	}
	for attr := range bytes.SplitSeq(list[:length], []byte{0}) {
		name := string(attr)
		if !keepAttr(name) {
			continue
		}
		value := make([]byte, unix.PathMax*16) // XATTR_SIZE_MAX, xattr(7)
		n, err := unix.Fgetxattr(int(src.Fd()), name, value)
		if err != nil {
			return &os.PathError{Op: "read attribute " + name, Path: src.Name(), Err: err}
		}
		if err := setAttr(dst, name, value[:n]); err != nil {
			return err
		}
	}
	return nil
}
