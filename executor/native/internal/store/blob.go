package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// remoteSource is a repository whose layers go through the store's blobs.
type remoteSource struct {
	*client
	progress *progress
}

// layer downloads a layer, or goes on with an earlier download of it, and
// opens it.
func (r remoteSource) layer(ctx context.Context, l layer) (io.ReadCloser, error) {
	s := r.store
	if s.opts.MaxLayer > 0 && l.size > s.opts.MaxLayer {
		return nil, tooLarge(s.opts.MaxLayer)
	}
	unlock, err := lock(ctx, s.path("locks", "blob-"+layerID(l.digest)))
	if err != nil {
		return nil, err
	}
	defer unlock()
	path := s.blobPath(l.digest)
	if _, err := os.Lstat(path); err != nil {
		d := &download{client: r.client, progress: r.progress, layer: l}
		if err := d.run(ctx); err != nil {
			return nil, s.onDisk(err)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return downloaded{File: f, keep: func() bool { return ctx.Err() != nil }}, nil
}

func (s *Store) blobPath(digest v1.Hash) string    { return s.path("blobs", "sha256", digest.Hex) }
func (s *Store) partialPath(digest v1.Hash) string { return s.path("partial", digest.Hex) }

// discard forgets all downloads of an image, finished or not.
func (s *Store) discard(img found) {
	for _, l := range img.layers {
		_ = os.Remove(s.blobPath(l.digest))
		_ = os.Remove(s.partialPath(l.digest))
	}
}

// downloaded is a blob that is deleted when it is closed: it is unpacked then,
// or wrong. One that was only interrupted is kept for the next time.
type downloaded struct {
	*os.File
	keep func() bool
}

func (d downloaded) Close() error {
	err := d.File.Close()
	if d.keep() {
		return err
	}
	if rerr := os.Remove(d.Name()); err == nil && !errors.Is(rerr, fs.ErrNotExist) {
		err = rerr
	}
	return err
}
