package store

import (
	"archive/tar"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// vacate makes room for an entry: a later one replaces an earlier one.
func (u *unpacker) vacate(at place) error {
	st, there, err := statAt(at.dir, at.base)
	if err != nil || !there {
		return err
	}
	if kindOf(st) == unix.S_IFDIR {
		below := at.name + "/"
		maps.DeleteFunc(u.dirs, func(name string, _ dirMeta) bool { return name == at.name || strings.HasPrefix(name, below) })
	}
	err = removeAt(at.dir, at.base)
	// What was remembered may have been below, but at.dir is still needed.
	if u.parent != at.dir {
		u.forget()
	}
	return err
}

func (u *unpacker) directory(at place, hdr *tar.Header) error {
	st, there, err := statAt(at.dir, at.base)
	if err != nil {
		return err
	}
	if !there || kindOf(st) != unix.S_IFDIR {
		if err := u.mkdir(at); err != nil {
			return err
		}
	}
	u.dirs[at.name] = metaOf(hdr)
	return nil
}

// mkdir makes a directory in the place of whatever is there. In the place of a
// whiteout it hides the lower one, as the whiteout did.
func (u *unpacker) mkdir(at place) error {
	st, there, err := statAt(at.dir, at.base)
	if err != nil {
		return err
	}
	if there {
		if err := u.vacate(at); err != nil {
			return err
		}
	}
	if err := unix.Mkdirat(int(at.dir.Fd()), at.base, 0o700); err != nil {
		return &os.PathError{Op: "mkdir", Path: at.name, Err: err}
	}
	if !there || !isWhiteout(st) {
		return nil
	}
	dir, err := openDirAt(at.dir, at.base)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	return u.opaque(dir)
}

func (u *unpacker) regular(at place, hdr *tar.Header, body io.Reader) error {
	if err := u.vacate(at); err != nil {
		return err
	}
	fd, err := unix.Openat(int(at.dir.Fd()), at.base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return &os.PathError{Op: "create", Path: at.name, Err: err}
	}
	f := os.NewFile(uintptr(fd), at.name)
	// Hiding the file's ReadFrom makes the copy use our buffer.
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, body, u.buf)
	if err == nil {
		err = u.apply(f, metaOf(hdr))
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return setTime(at, hdr)
}

// special makes a symbolic link or a named pipe.
func (u *unpacker) special(at place, hdr *tar.Header, create func(dirfd int) error) error {
	if err := u.vacate(at); err != nil {
		return err
	}
	fd := int(at.dir.Fd())
	if err := create(fd); err != nil {
		return &os.PathError{Op: "create", Path: at.name, Err: err}
	}
	if !u.rootless {
		if err := unix.Fchownat(fd, at.base, hdr.Uid, hdr.Gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return &os.PathError{Op: "chown", Path: at.name, Err: err}
		}
	}
	if hdr.Typeflag == tar.TypeFifo {
		// Just made by us and not a link, so there is nothing to follow.
		if err := unix.Fchmodat(fd, at.base, uint32(hdr.Mode)&0o7777, 0); err != nil {
			return &os.PathError{Op: "chmod", Path: at.name, Err: err}
		}
	}
	return setTime(at, hdr)
}

func (u *unpacker) hardLink(at place, target string) error {
	clean, skip, err := cleanName(target)
	if err == nil && skip {
		err = errReserved
	}
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", target, err)
	}
	missing := fmt.Errorf("hard link to %q, which is not a file of this layer", target)
	dir, err := u.findDir(path.Dir(clean))
	if err != nil {
		return missing
	}
	defer func() { _ = dir.Close() }()
	from, there, err := statAt(dir, path.Base(clean))
	if err != nil || !there || kindOf(from) == unix.S_IFDIR || isWhiteout(from) {
		return missing
	}
	if to, there, err := statAt(at.dir, at.base); err != nil || there && to.Ino == from.Ino {
		return err
	}
	if err := u.vacate(at); err != nil {
		return err
	}
	if err := unix.Linkat(int(dir.Fd()), path.Base(clean), int(at.dir.Fd()), at.base, 0); err != nil {
		return &os.LinkError{Op: "link", Old: target, New: at.name, Err: err}
	}
	return nil
}

// whiteout marks a name as removed from the layers below. What this layer
// itself has under that name stays, only it then hides all that is below.
func (u *unpacker) whiteout(parent *os.File, name string) error {
	st, there, err := statAt(parent, name)
	switch {
	case err != nil:
		return err
	case there && kindOf(st) == unix.S_IFDIR:
		dir, err := openDirAt(parent, name)
		if err != nil {
			return err
		}
		defer func() { _ = dir.Close() }()
		return u.opaque(dir)
	case there:
		return nil
	}
	err = unix.Mknodat(int(parent.Fd()), name, unix.S_IFCHR, 0)
	if err == nil {
		return nil
	}
	if !refused(err) {
		return &os.PathError{Op: "make whiteout", Path: name, Err: err}
	}
	return u.keepMark(parent, whiteoutPrefix+name)
}

// opaque marks a directory that hides those of the layers below.
func (u *unpacker) opaque(dir *os.File) error {
	attr := overlayTrusted + "opaque"
	if u.rootless {
		attr = overlayUser + "opaque"
	}
	err := unix.Fsetxattr(int(dir.Fd()), attr, []byte("y"), 0)
	if err == nil {
		return nil
	}
	if !refused(err) {
		return &os.PathError{Op: "mark as opaque", Path: dir.Name(), Err: err}
	}
	return u.keepMark(dir, opaqueMark)
}

// keepMark writes a mark in the form of the image, for Flatten.
func (u *unpacker) keepMark(dir *os.File, name string) error {
	u.flat = true
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_WRONLY|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return &os.PathError{Op: "create", Path: name, Err: err}
	}
	return unix.Close(fd)
}
