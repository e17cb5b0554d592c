package store

import (
	"archive/tar"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// dirMeta is what remains to be set on a directory once all its entries are
// there: before that its mode could lock us out, and its time would change. A
// directory without an entry of its own has only a mode.
type dirMeta struct {
	mode     uint32
	uid, gid int
	time     time.Time
	attrs    map[string]string
}

const attrRecord = "SCHILY.xattr."

func metaOf(hdr *tar.Header) dirMeta {
	m := dirMeta{mode: uint32(hdr.Mode) & 0o7777, uid: hdr.Uid, gid: hdr.Gid, time: hdr.ModTime}
	for key, value := range hdr.PAXRecords {
		name, ok := strings.CutPrefix(key, attrRecord)
		if !ok || !keepAttr(name) {
			continue
		}
		if m.attrs == nil {
			m.attrs = map[string]string{}
		}
		m.attrs[name] = value
	}
	return m
}

// keepAttr: others have a meaning on the machine where the image was made, or,
// as the marks of overlayfs, one that an image must not choose.
func keepAttr(name string) bool {
	return name == "security.capability" || strings.HasPrefix(name, "user.") && !isOverlayMark(name)
}

// apply sets owner, mode and attributes, in this order: a change of owner
// clears the set-user-ID bit and the capabilities.
func (u *unpacker) apply(f *os.File, m dirMeta) error {
	fd := int(f.Fd())
	mode := m.mode
	if u.rootless {
		mode |= 0o400
	} else if err := unix.Fchown(fd, m.uid, m.gid); err != nil {
		return &os.PathError{Op: "chown", Path: f.Name(), Err: err}
	}
	if err := unix.Fchmod(fd, mode); err != nil {
		return &os.PathError{Op: "chmod", Path: f.Name(), Err: err}
	}
	for name, value := range m.attrs {
		if err := setAttr(f, name, []byte(value)); err != nil {
			return err
		}
	}
	return nil
}

// setTime sets an entry's times, of a link itself and not of what it leads to.
func setTime(at place, hdr *tar.Header) error {
	if err := setTimeAt(at.dir, at.base, hdr.ModTime); err != nil {
		return &os.PathError{Op: "set time", Path: at.name, Err: err}
	}
	return nil
}

func setTimeAt(dir *os.File, base string, t time.Time) error {
	ts := unix.NsecToTimespec(0)
	ts.Sec, ts.Nsec = t.Unix(), int64(t.Nanosecond())
	return unix.UtimesNanoAt(int(dir.Fd()), base, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}

// finishDirs sets what was put off, the deepest directories first.
func (u *unpacker) finishDirs() error {
	names := slices.Sorted(maps.Keys(u.dirs))
	slices.Reverse(names)
	for _, name := range names {
		if err := u.finishDir(name, u.dirs[name]); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) finishDir(name string, m dirMeta) error {
	dir, err := u.findDir(name)
	if err != nil {
		return &os.PathError{Op: "open", Path: name, Err: err}
	}
	defer func() { _ = dir.Close() }()
	if u.rootless {
		m.mode |= 0o700
	}
	if err := u.apply(dir, m); err != nil {
		return err
	}
	if m.time.IsZero() {
		return nil
	}
	return setTimeAt(dir, ".", m.time)
}
