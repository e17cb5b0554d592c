package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// image is what the store knows of an image.
type image struct {
	Digest  v1.Hash              `json:"digest"`
	Config  executor.ImageConfig `json:"config"`
	DiffIDs []v1.Hash            `json:"diff_ids"`
}

// meaning is what a reference meant when it was last asked for.
type meaning struct {
	Reference string `json:"reference"`
	// Target is what the source gave for it: the digest of a manifest or an
	// index, the key of a built-in image.
	Target string `json:"target"`
	// Image is the image for this machine.
	Image v1.Hash `json:"image"`
}

// lookup finds an image that is in the store, all its layers included.
func (s *Store) lookup(ref reference) (image, bool) {
	if ref.byDigest() {
		if img, ok := s.image(ref.hash); ok {
			return img, true
		}
		if ref.kind == kindStored {
			return image{}, false
		}
	}
	_, img, ok := s.meaning(ref)
	return img, ok
}

// meaning finds what a reference meant the last time, if that is still there.
func (s *Store) meaning(ref reference) (meaning, image, bool) {
	var m meaning
	if !s.readRecord(s.refPath(ref), &m) || m.Reference != ref.canonical() {
		return meaning{}, image{}, false
	}
	img, ok := s.image(m.Image)
	return m, img, ok
}

// image finds an image by its digest. One without all its layers is not there.
func (s *Store) image(digest v1.Hash) (image, bool) {
	var img image
	if !s.readRecord(s.imagePath(digest), &img) || img.Digest != digest {
		return image{}, false
	}
	for _, id := range img.DiffIDs {
		if _, _, ok := s.findLayer(id); !ok {
			return image{}, false
		}
	}
	return img, true
}

func (s *Store) imagePath(digest v1.Hash) string { return s.path("images", digest.Hex+".json") }

func (s *Store) refPath(ref reference) string {
	sum := sha256.Sum256([]byte(ref.canonical()))
	return s.path("refs", hex.EncodeToString(sum[:])+".json")
}

// remember records an image and what led to it.
func (s *Store) remember(ref reference, target string, img image) error {
	if err := s.writeRecord(s.imagePath(img.Digest), img); err != nil {
		return err
	}
	return s.writeRecord(s.refPath(ref), meaning{Reference: ref.canonical(), Target: target, Image: img.Digest})
}

// readRecord reports whether there is a readable record. One that is damaged
// counts as missing: it will be made anew.
func (s *Store) readRecord(path string, into any) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	if err := json.Unmarshal(data, into); err != nil {
		s.log.Warn("damaged record in the image store is ignored", "path", path, "error", err)
		return false
	}
	return true
}

func (s *Store) writeRecord(path string, record any) error {
	data, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(path), err)
	}
	f, err := os.CreateTemp(s.path("tmp"), "record-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return s.commit(f, err, path)
}

// commit closes a file of tmp and, unless writing it failed, gives it its
// final name once it is on the disk.
func (s *Store) commit(f *os.File, err error, path string) error {
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}
