package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// parallel is how many layers are downloaded and unpacked at once.
const parallel = 4

// install makes sure that all layers of an image are in the store.
func (s *Store) install(ctx context.Context, img found) (image, error) {
	out := image{Digest: img.digest, Config: imageConfig(img.config.Config)}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	seen := map[v1.Hash]bool{}
	for _, l := range img.layers {
		out.DiffIDs = append(out.DiffIDs, l.diffID)
		if seen[l.diffID] {
			continue
		}
		seen[l.diffID] = true
		group.Go(func() error {
			if err := s.ensureLayer(ctx, l); err != nil {
				return fmt.Errorf("layer %s: %w", short(l.diffID), err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return image{}, s.onDisk(err)
	}
	return out, nil
}

// ensureLayer unpacks a layer unless it is there. One process does it, others
// that want the same layer wait for it.
func (s *Store) ensureLayer(ctx context.Context, l layer) error {
	if _, _, ok := s.findLayer(l.diffID); ok {
		return nil
	}
	unlock, err := lock(ctx, s.path("locks", "layer-"+layerID(l.diffID)))
	if err != nil {
		return err
	}
	defer unlock()
	if _, _, ok := s.findLayer(l.diffID); ok {
		return nil
	}
	in, err := l.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	stream, err := newStream(ctx, in, l, s.limitFor(l.size))
	if err != nil {
		return err
	}
	defer stream.close()
	return s.unpackLayer(stream, l)
}

// unpackLayer unpacks under a temporary name, verifies, writes to the disk and
// only then gives the layer its name.
func (s *Store) unpackLayer(stream *stream, l layer) error {
	tmp, err := os.MkdirTemp(s.path("tmp"), "layer-")
	if err != nil {
		return err
	}
	defer func() {
		if err := os.RemoveAll(tmp); err != nil {
			s.log.Warn("cannot remove a temporary layer", "path", tmp, "error", err)
		}
	}()
	root := filepath.Join(tmp, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	flat, err := unpack(root, stream, unpackOptions{rootless: s.opts.Rootless, log: s.log})
	if err != nil {
		return err
	}
	if err := stream.verify(); err != nil {
		return err
	}
	if err := syncTree(root); err != nil {
		return err
	}
	dir := s.layerDir(l.diffID)
	if flat {
		dir += flatSuffix
	}
	if err := os.Rename(root, dir); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}
