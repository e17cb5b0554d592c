package docker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// known are the images that were looked at, under references that always mean the
// same one. Before the next start the engine is not asked for them again, which
// takes as long as making a container where images are containerd's. Whether one
// is still there, the start itself finds out.
type known struct {
	mu     sync.Mutex
	images map[string]executor.Image // by reference
	// origins are the references under which those that are gone can be had
	// again, by Image.Pinned. They are kept: several starts may miss one image.
	origins map[string]string
}

// find gives an image that is known under a reference. Whoever insists on a pull
// is not served.
func (k *known) find(req executor.ImageRequest) (executor.Image, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	img, ok := k.images[req.Ref]
	if !ok || req.Pull == executor.PullAlways {
		return executor.Image{}, false
	}
	return copied(img), true
}

func (k *known) add(ref string, img executor.Image) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.images == nil {
		k.images, k.origins = map[string]executor.Image{}, map[string]string{}
	}
	if strings.HasPrefix(ref, builtinPrefix) {
		k.images[ref] = copied(img)
	}
	if strings.HasPrefix(ref, builtinPrefix) || strings.HasPrefix(ref, archivePrefix) {
		k.origins[img.Pinned] = ref
	} else if k.origins[img.Pinned] == "" {
		k.origins[img.Pinned] = img.Pinned
	}
	img.Ref = img.Pinned
	k.images[img.Ref] = copied(img)
}

// forget gives the reference under which an image that was known once can be had
// again.
func (k *known) forget(pinned string) (origin string, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	origin, ok = k.origins[pinned]
	delete(k.images, origin)
	delete(k.images, pinned)
	return origin, ok
}

// copied shares nothing that the caller may change.
func copied(img executor.Image) executor.Image {
	if img.Config != nil {
		config := *img.Config
		config.Env = maps.Clone(config.Env)
		config.Entrypoint, config.Cmd = slices.Clone(config.Entrypoint), slices.Clone(config.Cmd)
		img.Config = &config
	}
	return img
}

// regain makes a spec's image available again, if it was known and a start has
// failed because it is gone.
func (e *Executor) regain(ctx context.Context, spec executor.Spec, failure error) error {
	if !errors.Is(failure, executor.ErrImageNotFound) {
		return failure
	}
	ref, ok := e.known.forget(spec.Image)
	if !ok {
		return failure
	}
	img, err := e.Resolve(ctx, executor.ImageRequest{Ref: ref, Pull: spec.Pull, Progress: spec.Progress})
	if err == nil && img.Pinned != spec.Image {
		return failure // there is another one by now
	}
	return err
}
