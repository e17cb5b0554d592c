package store

import (
	"context"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Resolve makes an image available, unpacked, under the request's pull policy;
// see executor.Executor for its contract.
//
// A registry is asked as the policy says. An archive, a layout and a built-in
// image are always looked at, whatever the policy is, since no registry is
// involved: their layers are read only when they have changed. A pinned image
// that no registry has ("store:sha256:...") is only ever found in the store.
func (s *Store) Resolve(ctx context.Context, req executor.ImageRequest) (executor.Image, error) {
	ref, err := parseReference(req.Ref)
	if err != nil {
		return executor.Image{}, err
	}
	img, err := s.resolve(ctx, ref, req)
	if err != nil {
		return executor.Image{}, fmt.Errorf("image %s: %w", req.Ref, err)
	}
	return executor.Image{Ref: req.Ref, Pinned: ref.pinned(img.Digest), Config: &img.Config}, nil
}

func (s *Store) resolve(ctx context.Context, ref reference, req executor.ImageRequest) (image, error) {
	local, here := s.lookup(ref)
	switch {
	case ref.kind == kindStored && here:
		return local, nil
	case ref.kind == kindStored:
		return image{}, markf(executor.ErrImageNotFound, "it is no longer in the store %s; resolve the archive again that it came from", s.dir)
	case ref.kind != kindRegistry:
		return s.working(func() (image, error) { return s.importLocal(ctx, ref) })
	}
	policy := req.Pull
	if policy == executor.PullAuto && ref.byDigest() {
		policy = executor.PullMissing
	}
	switch {
	case here && (policy == executor.PullMissing || policy == executor.PullNever):
		return local, nil
	case policy == executor.PullNever:
		return image{}, markf(executor.ErrImageNotFound, "it is not in the store %s, and the pull policy is never", s.dir)
	}
	img, err := s.working(func() (image, error) { return s.pull(ctx, ref, req) })
	if err != nil && here && policy == executor.PullAuto && ctx.Err() == nil {
		s.log.Warn("pull failed, the local copy is used", "image", ref.text, "error", err)
		newProgress(req).warn(fmt.Sprintf("cannot pull %s, using the local copy %s: %v", ref.text, short(local.Digest), err))
		return local, nil
	}
	return img, err
}

// working keeps other processes from cleaning up while something is made.
func (s *Store) working(do func() (image, error)) (image, error) {
	unlock, err := lockShared(s.path("lock"))
	if err != nil {
		return image{}, err
	}
	defer unlock()
	img, err := do()
	return img, s.onDisk(err)
}

// pull gets an image from its registry, or as much of it as is missing.
func (s *Store) pull(ctx context.Context, ref reference, req executor.ImageRequest) (image, error) {
	c, err := s.connect(ctx, ref.remote.Context())
	if err != nil {
		return image{}, err
	}
	defer c.close()
	identifier := ref.remote.Identifier()
	if known, img, ok := s.meaning(ref); ok {
		now, ok, err := c.head(ctx, identifier)
		if err != nil {
			return image{}, err
		}
		if ok && now.String() == known.Target {
			return img, nil
		}
	}
	data, top, err := c.get(ctx, identifier)
	if err != nil {
		return image{}, err
	}
	bar := newProgress(req)
	src := fetched{source: remoteSource{client: c, progress: bar}, digest: top.Digest, data: data}
	img, err := s.complete(ctx, want{ref: ref, src: src, top: top, begin: bar.start})
	if err == nil {
		bar.finish()
	}
	return img, err
}

// want is an image to be brought into the store.
type want struct {
	ref reference
	src source
	// top is what the reference named: a manifest or an index.
	top v1.Descriptor
	// begin, when not nil, hears how many bytes have to be fetched.
	begin func(missing int64)
}

// complete goes from what a reference named to an image in the store, and
// records it.
func (s *Store) complete(ctx context.Context, w want) (image, error) {
	chosen, manifest, err := pick(ctx, w.src, w.top)
	if err != nil {
		return image{}, err
	}
	img, ok := s.image(chosen.Digest)
	if !ok {
		content, err := assemble(ctx, w.src, chosen, manifest)
		if err != nil {
			return image{}, err
		}
		if w.begin != nil {
			w.begin(s.missing(content))
		}
		img, err = s.install(ctx, content)
		if errors.Is(err, executor.ErrDiskFull) {
			s.discard(content)
		}
		if err != nil {
			return image{}, err
		}
	}
	return img, s.remember(w.ref, w.top.Digest.String(), img)
}

// fetched is a source of which one manifest is known already.
type fetched struct {
	source
	digest v1.Hash
	data   []byte
}

func (f fetched) manifest(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	if d.Digest == f.digest {
		return f.data, nil
	}
	return f.source.manifest(ctx, d)
}

// missing is how many bytes of an image have to be downloaded.
func (s *Store) missing(img found) int64 {
	var total int64
	seen := map[v1.Hash]bool{}
	for _, l := range img.layers {
		if _, _, ok := s.findLayer(l.diffID); !ok && !seen[l.diffID] {
			total += l.size
		}
		seen[l.diffID] = true
	}
	return total
}

// importLocal reads an image that is on this machine.
func (s *Store) importLocal(ctx context.Context, ref reference) (image, error) {
	read := map[string]func(context.Context, reference) (image, error){
		kindLayout:        s.importLayout,
		kindLayoutArchive: s.importLayoutArchive,
		kindDockerArchive: s.importDockerArchive,
		kindBuiltin:       s.importBuiltin,
	}[ref.kind]
	if read == nil {
		return image{}, errors.New("unknown kind of reference")
	}
	return read(ctx, ref)
}
