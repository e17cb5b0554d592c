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
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// layoutSource is an OCI image layout.
// Source of the format: OCI Image Specification 1.1, "OCI Image Layout".
type layoutSource struct{ files files }

func (l layoutSource) manifest(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	return l.blob(ctx, d)
}

func (l layoutSource) blob(_ context.Context, d v1.Descriptor) ([]byte, error) {
	name := blobName(d.Digest)
	data, err := readSmall(l.files, name)
	if err != nil {
		return nil, err
	}
	if err := checkDigest(data, d.Digest); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}

func (l layoutSource) layer(_ context.Context, want layer) (io.ReadCloser, error) {
	f, _, err := l.files.open(blobName(want.digest))
	return f, err
}

func blobName(h v1.Hash) string { return path.Join("blobs", h.Algorithm, h.Hex) }

// importLayout reads oci:DIR[:TAG].
func (s *Store) importLayout(ctx context.Context, ref reference) (image, error) {
	dir, tag, ok := splitTag(ref.rest)
	if !ok {
		return image{}, noSuchFile(dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return image{}, err
	}
	defer func() { _ = root.Close() }()
	return s.importIndex(ctx, ref, folder{root}, tag)
}

// importLayoutArchive reads oci-archive:FILE[:TAG].
func (s *Store) importLayoutArchive(ctx context.Context, ref reference) (image, error) {
	return s.withArchive(ctx, ref, func(a archive, tag string) (image, error) {
		return s.importIndex(ctx, ref, a, tag)
	})
}

// withArchive opens FILE[:TAG].
func (s *Store) withArchive(ctx context.Context, ref reference, use func(a archive, tag string) (image, error)) (image, error) {
	name, tag, ok := splitTag(ref.rest)
	if !ok {
		return image{}, noSuchFile(name)
	}
	file, err := os.Open(name)
	if err != nil {
		return image{}, err
	}
	defer func() { _ = file.Close() }()
	a, done, err := s.openArchive(ctx, file)
	if err != nil {
		return image{}, err
	}
	defer done()
	return use(a, tag)
}

func noSuchFile(name string) error {
	return markf(executor.ErrImageNotFound, "there is no file or folder %s", name)
}

func (s *Store) importIndex(ctx context.Context, ref reference, from files, tag string) (image, error) {
	data, err := readSmall(from, "index.json")
	if errors.Is(err, fs.ErrNotExist) {
		return image{}, markf(executor.ErrImageNotFound, "it has no index.json: not an OCI image layout")
	}
	if err != nil {
		return image{}, err
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(data, &index); err != nil {
		return image{}, fmt.Errorf("index.json is not valid: %w", err)
	}
	top, err := selectTag(index.Manifests, tag)
	if err != nil {
		return image{}, err
	}
	if known, img, ok := s.meaning(ref); ok && known.Target == top.Digest.String() {
		return img, nil
	}
	return s.complete(ctx, want{ref: ref, src: layoutSource{from}, top: top})
}

// The annotations that name the entries of an index. The second one is what
// docker and containerd write beside the first.
const (
	refAnnotation        = "org.opencontainers.image.ref.name"
	containerdAnnotation = "io.containerd.image.name"
)

// selectTag finds the entry of that name; without one there must be no choice,
// other than by platform.
func selectTag(entries []v1.Descriptor, tag string) (v1.Descriptor, error) {
	var names []string
	for _, e := range entries {
		ref, full := e.Annotations[refAnnotation], e.Annotations[containerdAnnotation]
		if tag != "" && (ref == tag || full == tag || strings.HasSuffix(full, ":"+tag)) {
			return e, nil
		}
		names = append(names, ref)
	}
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(s string) bool { return s == "" })
	list := strings.Join(names, ", ")
	switch {
	case tag != "":
		return v1.Descriptor{}, markf(executor.ErrImageNotFound, "it has no image %q; it has: %s", tag, orNothing(list))
	case len(entries) == 0:
		return v1.Descriptor{}, markf(executor.ErrImageNotFound, "it has no image")
	case len(names) > 1:
		return v1.Descriptor{}, markf(executor.ErrImageNotFound, "it has several images, add one of these after a colon: %s", list)
	case len(entries) == 1:
		return entries[0], nil
	}
	return choose(entries)
}

func orNothing(list string) string {
	if list == "" {
		return "no names at all"
	}
	return list
}
