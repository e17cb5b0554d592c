package store

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"strings"

	"github.com/cyphar/filepath-securejoin/pathrs-lite"
	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

type unpackOptions struct {
	rootless bool
	log      *slog.Logger
}

// unpacker writes the entries of one layer below root. Every name is resolved
// as if root were the root of the file system, and the last part of a name is
// never followed when it is a link, so nothing is ever touched outside.
type unpacker struct {
	unpackOptions
	root  *os.File
	limit int64
	flat  bool // a mark had to be kept in the image's form
	dirs  map[string]dirMeta
	buf   []byte

	// parent is the directory of the last entry; the next one is often there too.
	parent     *os.File
	parentName string
}

// unpack writes a layer into the empty folder root. flat reports that only
// Flatten understands the result. After an error the folder is worthless.
func unpack(root string, in *stream, o unpackOptions) (flat bool, err error) {
	dir, err := os.Open(root)
	if err != nil {
		return false, err
	}
	defer func() { _ = dir.Close() }()
	u := &unpacker{unpackOptions: o, root: dir, limit: in.limit, buf: make([]byte, 128<<10)}
	u.dirs = map[string]dirMeta{".": {mode: 0o755}} // the umask may have made it less
	defer u.forget()
	if err := u.all(tar.NewReader(in)); err != nil {
		return false, err
	}
	if err := u.finishDirs(); err != nil {
		return false, err
	}
	return u.flat, nil
}

func (u *unpacker) all(in *tar.Reader) error {
	last := "the beginning"
	for {
		hdr, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		// Insecure names are judged by cleanName, whatever GODEBUG says.
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return fmt.Errorf("after %s: %w", last, damaged(err))
		}
		last = fmt.Sprintf("entry %q", hdr.Name)
		body := readerFunc(func(p []byte) (int, error) {
			n, err := in.Read(p)
			if err != nil && !errors.Is(err, io.EOF) {
				err = damaged(err)
			}
			return n, err
		})
		if err := u.entry(hdr, body); err != nil {
			return fmt.Errorf("%s: %w", last, err)
		}
	}
}

func (u *unpacker) entry(hdr *tar.Header, body io.Reader) error {
	name, skip, err := cleanName(hdr.Name)
	if err != nil || skip || hdr.Typeflag == tar.TypeXGlobalHeader {
		return err
	}
	if err := u.acceptable(hdr); err != nil {
		return err
	}
	if name == "." {
		if hdr.Typeflag != tar.TypeDir {
			return errors.New("the root of a layer must be a directory")
		}
		u.dirs["."] = metaOf(hdr)
		return nil
	}
	parent, err := u.openDir(path.Dir(name))
	if err != nil {
		return err
	}
	base := path.Base(name)
	if base == opaqueMark {
		return u.opaque(parent)
	}
	if removed, ok, err := removedName(base); ok || err != nil {
		if err != nil {
			return err
		}
		return u.whiteout(parent, removed)
	}
	return u.create(place{dir: parent, base: base, name: name}, hdr, body)
}

// acceptable refuses what no image needs and what could do harm.
func (u *unpacker) acceptable(hdr *tar.Header) error {
	for key := range hdr.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return markf(executor.ErrUnsupported, "sparse entries are not supported")
		}
	}
	switch hdr.Typeflag {
	case tar.TypeReg, tar.TypeCont:
		if hdr.Size > u.limit {
			return fmt.Errorf("%s: %w", size(hdr.Size), tooLarge(u.limit))
		}
	case tar.TypeDir, tar.TypeSymlink, tar.TypeLink, tar.TypeFifo:
	case tar.TypeChar, tar.TypeBlock:
		return markf(executor.ErrUnsupported, "device nodes are not supported in images")
	case tar.TypeGNUSparse:
		return markf(executor.ErrUnsupported, "sparse entries are not supported")
	default:
		return markf(executor.ErrUnsupported, "unknown kind of entry %q", hdr.Typeflag)
	}
	const maxID = 1<<32 - 2 // the next one means "no change" to chown(2)
	if hdr.Uid < 0 || hdr.Gid < 0 || int64(hdr.Uid) > maxID || int64(hdr.Gid) > maxID {
		return fmt.Errorf("owner %d:%d is out of range", hdr.Uid, hdr.Gid)
	}
	return nil
}

// place is where an entry goes: base in dir; name is the whole of it.
type place struct {
	dir        *os.File
	base, name string
}

func (u *unpacker) create(at place, hdr *tar.Header, body io.Reader) error {
	switch hdr.Typeflag {
	case tar.TypeDir:
		return u.directory(at, hdr)
	case tar.TypeLink:
		return u.hardLink(at, hdr.Linkname)
	case tar.TypeSymlink:
		return u.special(at, hdr, func(dirfd int) error { return unix.Symlinkat(hdr.Linkname, dirfd, at.base) })
	case tar.TypeFifo:
		return u.special(at, hdr, func(dirfd int) error { return unix.Mknodat(dirfd, at.base, unix.S_IFIFO|0o600, 0) })
	}
	return u.regular(at, hdr, body)
}

// openDir opens a directory of the layer and makes it when it is missing. The
// file stays open until the next call.
func (u *unpacker) openDir(name string) (*os.File, error) {
	if name == "." {
		return u.root, nil
	}
	if u.parent != nil && name == u.parentName {
		return u.parent, nil
	}
	dir, err := u.makeDir(name)
	if err != nil {
		return nil, err
	}
	u.forget()
	u.parent, u.parentName = dir, name
	return dir, nil
}

// forget closes the remembered directory: it may be about to be replaced.
func (u *unpacker) forget() {
	if u.parent != nil {
		_ = u.parent.Close()
		u.parent = nil
	}
}

func (u *unpacker) makeDir(name string) (*os.File, error) {
	dir, err := u.findDir(name)
	if err == nil || !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) {
		return dir, err
	}
	parent := u.root
	if up := path.Dir(name); up != "." {
		if parent, err = u.makeDir(up); err != nil {
			return nil, err
		}
		defer func() { _ = parent.Close() }()
	}
	at := place{dir: parent, base: path.Base(name), name: name}
	if st, there, err := statAt(parent, at.base); err != nil {
		return nil, err
	} else if there && !isWhiteout(st) {
		return nil, fmt.Errorf("%q is not a directory of the layer", name)
	}
	if err := u.mkdir(at); err != nil {
		return nil, err
	}
	u.dirs[name] = dirMeta{mode: 0o755}
	return openDirAt(parent, at.base)
}

// findDir opens an existing directory of the layer, links resolved within it.
func (u *unpacker) findDir(name string) (*os.File, error) {
	if name == "." {
		return openDirAt(u.root, ".")
	}
	handle, err := pathrs.OpenatInRoot(u.root, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = handle.Close() }()
	return openDirAt(handle, ".")
}
