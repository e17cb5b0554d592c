package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// savedImage is an entry of manifest.json in what "docker save" writes.
type savedImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// importDockerArchive reads docker-archive:FILE[:TAG].
func (s *Store) importDockerArchive(ctx context.Context, ref reference) (image, error) {
	return s.withArchive(ctx, ref, func(a archive, tag string) (image, error) {
		return s.importSaved(ctx, ref, a, saved{tag: tag})
	})
}

// importBuiltin makes builtin:NAME unless it is there and unchanged.
func (s *Store) importBuiltin(ctx context.Context, ref reference) (image, error) {
	if s.opts.Builtin == nil {
		return image{}, markf(executor.ErrImageNotFound, "there are no built-in images here")
	}
	key, err := s.opts.Builtin.Key(ref.rest)
	if err != nil {
		return image{}, err
	}
	if known, img, ok := s.meaning(ref); ok && known.Target == key {
		return img, nil
	}
	file, err := os.CreateTemp(s.path("tmp"), "builtin-")
	if err != nil {
		return image{}, err
	}
	defer func() {
		_ = file.Close()
		_ = os.Remove(file.Name())
	}()
	if err := s.opts.Builtin.WriteArchive(ctx, ref.rest, file); err != nil {
		return image{}, err
	}
	entries, err := scan(ctx, file)
	if err != nil {
		return image{}, fmt.Errorf("read what was made: %w", err)
	}
	return s.importSaved(ctx, ref, archive{file: file, entries: entries}, saved{target: key})
}

// saved says which image of an archive is meant, and what to record as the
// reference's target instead of the image's digest.
type saved struct{ tag, target string }

func (s *Store) importSaved(ctx context.Context, ref reference, a archive, which saved) (image, error) {
	img, err := readSaved(a, which.tag)
	if err != nil {
		return image{}, err
	}
	if which.target == "" {
		which.target = img.digest.String()
	}
	done, ok := s.image(img.digest)
	if !ok {
		if done, err = s.install(ctx, img); err != nil {
			return image{}, err
		}
	}
	return done, s.remember(ref, which.target, done)
}

func readSaved(a archive, tag string) (found, error) {
	data, err := readSmall(a, "manifest.json")
	if errors.Is(err, fs.ErrNotExist) {
		return found{}, markf(executor.ErrImageNotFound, "it has no manifest.json: not what docker save writes; an OCI layout is oci-archive:FILE")
	}
	if err != nil {
		return found{}, err
	}
	var images []savedImage
	if err := json.Unmarshal(data, &images); err != nil {
		return found{}, fmt.Errorf("manifest.json is not valid: %w", err)
	}
	image, err := selectSaved(images, tag)
	if err != nil {
		return found{}, err
	}
	if len(image.Layers) > maxLayers {
		return found{}, markf(executor.ErrUnsupported, "the image has %d layers, at most %d are supported", len(image.Layers), maxLayers)
	}
	return readSavedConfig(a, image)
}

func readSavedConfig(a archive, saved savedImage) (found, error) {
	data, err := readSmall(a, saved.Config)
	if err != nil {
		return found{}, fmt.Errorf("configuration: %w", err)
	}
	digest, err := configDigest(saved.Config, data)
	if err != nil {
		return found{}, err
	}
	config, err := parseConfig(data)
	if err != nil {
		return found{}, err
	}
	if len(saved.Layers) != len(config.RootFS.DiffIDs) {
		return found{}, fmt.Errorf("manifest.json has %d layers, the configuration %d", len(saved.Layers), len(config.RootFS.DiffIDs))
	}
	img := found{digest: digest, config: config}
	for i, file := range saved.Layers {
		_, stored, err := a.open(file)
		if err != nil {
			return found{}, fmt.Errorf("layer %d: %w", i+1, err)
		}
		img.layers = append(img.layers, layer{
			diffID: config.RootFS.DiffIDs[i], size: stored,
			open: func(context.Context) (io.ReadCloser, error) {
				in, _, err := a.open(file)
				return in, err
			},
		})
	}
	return img, nil
}

// configDigest hashes a configuration, and compares with its file's name where
// that is a digest.
func configDigest(file string, data []byte) (v1.Hash, error) {
	named, err := v1.NewHash("sha256:" + strings.TrimSuffix(path.Base(file), ".json"))
	if err == nil {
		return named, checkDigest(data, named)
	}
	digest, _, err := v1.SHA256(strings.NewReader(string(data)))
	return digest, err
}

// selectSaved finds the image with that tag (NAME:TAG, or only TAG); without a
// tag there must be one image only.
func selectSaved(images []savedImage, tag string) (savedImage, error) {
	var names []string
	for _, image := range images {
		for _, has := range image.RepoTags {
			if tag != "" && (strings.HasSuffix(has, ":"+tag) || sameName(has, tag)) {
				return image, nil
			}
			names = append(names, has)
		}
	}
	list := orNothing(strings.Join(names, ", "))
	switch {
	case tag != "":
		return savedImage{}, markf(executor.ErrImageNotFound, "it has no image %q; it has: %s", tag, list)
	case len(images) == 0:
		return savedImage{}, markf(executor.ErrImageNotFound, "it has no image")
	case len(images) > 1:
		return savedImage{}, markf(executor.ErrImageNotFound, "it has %d images, add one of these after a colon: %s", len(images), list)
	}
	return images[0], nil
}

func sameName(a, b string) bool {
	left, err := name.ParseReference(a)
	if err != nil {
		return false
	}
	right, err := name.ParseReference(b)
	return err == nil && left.Name() == right.Name()
}
