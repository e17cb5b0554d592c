package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Flatten copies layers, the lowest first, into the new folder dst, as an
// overlay mount would show them: for where such a mount is not possible. It
// understands the marks of overlayfs and those of the image format. Data is
// shared with the layers where the file system can (reflink).
//
// dst must not exist. After an error it does not exist either. Errors:
// executor.ErrDiskFull, the cause of ctx, or what a file operation gave.
func Flatten(ctx context.Context, layers []string, dst string, o FlattenOptions) (err error) {
	if err := os.Mkdir(dst, 0o755); err != nil {
		return fmt.Errorf("copy layers: %w", err)
	}
	defer func() {
		if err != nil {
			if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
				err = mark(err, executor.ErrDiskFull)
			}
			err = errors.Join(fmt.Errorf("copy layers to %s: %w", dst, err), os.RemoveAll(dst))
		}
	}()
	root, err := os.Open(dst)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for _, layer := range layers {
		src, err := os.Open(layer)
		if err != nil {
			return err
		}
		f := flattener{FlattenOptions: o, root: root, linked: map[uint64]string{}}
		err = f.directory(ctx, pair{src: src, dst: root, name: "."})
		_ = src.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// flattener copies one layer over what lower ones have left. It never follows
// a link: every directory is opened from its parent.
type flattener struct {
	FlattenOptions
	root *os.File
	// linked are the copies of files with several names, by inode.
	linked map[uint64]string
}

// pair is a directory of the layer and its copy; name is its path from the root.
type pair struct {
	src, dst *os.File
	name     string
}

func (f *flattener) directory(ctx context.Context, p pair) error {
	names, err := dirNames(p.src)
	if err != nil {
		return err
	}
	if isOpaque(p.src) {
		if err := removeAllIn(p.dst); err != nil {
			return err
		}
	}
	// Marks first: they are about lower layers only.
	kept := names[:0]
	for _, name := range names {
		isMark, err := applyMark(p, name)
		if err != nil {
			return err
		}
		if !isMark {
			kept = append(kept, name)
		}
	}
	for _, name := range kept {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := f.entry(ctx, p, name); err != nil {
			return err
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(p.src.Fd()), &st); err != nil {
		return &os.PathError{Op: "stat", Path: p.name, Err: err}
	}
	if err := f.copyMeta(p.src, p.dst, st); err != nil {
		return err
	}
	return copyTimes(p.dst, ".", st)
}

// isOpaque: the directory hides those below it.
func isOpaque(dir *os.File) bool {
	var value [1]byte
	for _, attr := range []string{overlayTrusted + "opaque", overlayUser + "opaque"} {
		n, err := unix.Fgetxattr(int(dir.Fd()), attr, value[:])
		if err == nil && n == 1 && value[0] == 'y' {
			return true
		}
	}
	_, there, err := statAt(dir, opaqueMark)
	return err == nil && there
}

// applyMark removes what a mark says is removed.
func applyMark(p pair, name string) (isMark bool, err error) {
	if name == opaqueMark {
		return true, nil
	}
	if removed, ok, err := removedName(name); ok || err != nil {
		if err != nil {
			return true, err
		}
		return true, removeAt(p.dst, removed)
	}
	st, _, err := statAt(p.src, name)
	if err != nil || !isWhiteout(st) {
		return false, err
	}
	return true, removeAt(p.dst, name)
}

func (f *flattener) entry(ctx context.Context, p pair, name string) error {
	st, _, err := statAt(p.src, name)
	if err != nil {
		return err
	}
	if kindOf(st) == unix.S_IFDIR {
		return f.subdirectory(ctx, p, name)
	}
	if err := removeAt(p.dst, name); err != nil {
		return err
	}
	if first, ok := f.linked[st.Ino]; ok && st.Nlink > 1 {
		if err := unix.Linkat(int(f.root.Fd()), first, int(p.dst.Fd()), name, 0); err != nil {
			return &os.LinkError{Op: "link", Old: first, New: path.Join(p.name, name), Err: err}
		}
		return nil
	}
	f.linked[st.Ino] = path.Join(p.name, name)
	if kindOf(st) == unix.S_IFREG {
		return f.regular(ctx, p, name, st)
	}
	return f.special(p, name, st)
}

func (f *flattener) subdirectory(ctx context.Context, p pair, name string) error {
	st, there, err := statAt(p.dst, name)
	if err != nil {
		return err
	}
	if there && kindOf(st) != unix.S_IFDIR {
		if err := removeAt(p.dst, name); err != nil {
			return err
		}
		there = false
	}
	if !there {
		if err := unix.Mkdirat(int(p.dst.Fd()), name, 0o700); err != nil {
			return &os.PathError{Op: "mkdir", Path: path.Join(p.name, name), Err: err}
		}
	}
	src, err := openDirAt(p.src, name)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	dst, err := openDirAt(p.dst, name)
	if err != nil {
		return err
	}
	defer func() { _ = dst.Close() }()
	return f.directory(ctx, pair{src: src, dst: dst, name: path.Join(p.name, name)})
}

func (f *flattener) regular(ctx context.Context, p pair, name string, st unix.Stat_t) error {
	at := path.Join(p.name, name)
	fd, err := unix.Openat(int(p.src.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: at, Err: err}
	}
	src := os.NewFile(uintptr(fd), at)
	defer func() { _ = src.Close() }()
	fd, err = unix.Openat(int(p.dst.Fd()), name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return &os.PathError{Op: "create", Path: at, Err: err}
	}
	dst := os.NewFile(uintptr(fd), at)
	err = copyData(ctx, dst, src)
	if err == nil {
		err = f.copyMeta(src, dst, st)
	}
	if cerr := dst.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return copyTimes(p.dst, name, st)
}

// copyData shares the data where the file system can, else copies it in parts
// so that the end of ctx is seen.
func copyData(ctx context.Context, dst, src *os.File) error {
	if unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())) == nil {
		return nil
	}
	const part = 64 << 20
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if _, err := io.CopyN(dst, src, part); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}
