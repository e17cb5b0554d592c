package store

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// files gives the files of a layout or an archive by their names in it.
type files interface {
	// open gives a regular file and its size; fs.ErrNotExist when there is none.
	open(name string) (io.ReadCloser, int64, error)
}

// readSmall reads a whole file of at most maxDocument bytes.
func readSmall(from files, name string) ([]byte, error) {
	f, n, err := from.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if n > maxDocument {
		return nil, fmt.Errorf("%s has %s, more than the %s allowed", name, size(n), size(maxDocument))
	}
	return io.ReadAll(f)
}

// folder is the files below a directory. Links that lead out are not followed.
type folder struct{ root *os.Root }

func (d folder) open(name string) (io.ReadCloser, int64, error) {
	// Without O_NONBLOCK a named pipe would be waited for.
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", name)
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// archive is the files in a tar, which stay where they are.
type archive struct {
	file    *os.File
	entries map[string]entry
}

// entry is a part of the tar, or a link to another.
type entry struct {
	offset, size int64
	link         string
}

// maxLinks is how many links in an archive may lead to one file.
const maxLinks = 8

func (a archive) open(name string) (io.ReadCloser, int64, error) {
	at := path.Clean(name)
	for range maxLinks {
		e, ok := a.entries[at]
		switch {
		case !ok:
			return nil, 0, &fs.PathError{Op: "open in archive", Path: name, Err: fs.ErrNotExist}
		case e.link == "":
			return io.NopCloser(io.NewSectionReader(a.file, e.offset, e.size)), e.size, nil
		}
		at = e.link
	}
	return nil, 0, fmt.Errorf("too many links in the archive at %s", name)
}

// openArchive finds out what is where in a tar. A compressed one is
// decompressed into the store's temporary folder first. done must be called.
func (s *Store) openArchive(ctx context.Context, file *os.File) (a archive, done func(), err error) {
	plain, done, err := s.decompressed(ctx, file)
	if err != nil {
		return archive{}, nil, fmt.Errorf("archive %s: %w", file.Name(), err)
	}
	entries, err := scan(ctx, plain)
	if err != nil {
		done()
		return archive{}, nil, fmt.Errorf("archive %s is damaged, truncated or not an image: %w", file.Name(), err)
	}
	return archive{file: plain, entries: entries}, done, nil
}

func scan(ctx context.Context, file *os.File) (map[string]entry, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	entries := map[string]entry{}
	for in := tar.NewReader(file); ; {
		hdr, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return entries, nil
		case err != nil:
			return nil, err
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		}
		name := path.Clean(hdr.Name)
		switch hdr.Typeflag {
		case tar.TypeReg:
			// The reader does not read ahead: the file stands at the entry's data.
			offset, err := file.Seek(0, io.SeekCurrent)
			if err != nil {
				return nil, err
			}
			entries[name] = entry{offset: offset, size: hdr.Size}
		case tar.TypeSymlink:
			entries[name] = entry{link: path.Join(path.Dir(name), hdr.Linkname)}
		case tar.TypeLink:
			entries[name] = entry{link: path.Clean(hdr.Linkname)}
		}
	}
}

// decompressed gives the file itself unless it is compressed.
func (s *Store) decompressed(ctx context.Context, file *os.File) (plain *os.File, done func(), err error) {
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errors.New("not a regular file")
	}
	in, stop, err := decompress(until(ctx, file))
	if err != nil {
		return nil, nil, err
	}
	defer stop()
	if !in.compressed {
		return file, func() {}, nil
	}
	tmp, err := os.CreateTemp(s.path("tmp"), "archive-")
	if err != nil {
		return nil, nil, err
	}
	done = func() {
		_ = tmp.Close()
		_ = os.Remove(tmp.Name())
	}
	limit := s.limitFor(info.Size())
	if _, err := io.Copy(tmp, &limitReader{in: in, limit: limit}); err != nil {
		done()
		return nil, nil, fmt.Errorf("decompress: %w", unexpected(err))
	}
	return tmp, done, nil
}
