package fake

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Program is what a container runs. It ends the container by returning.
//
// ctx ends when the container is killed; the program has to return soon then,
// and what it returns no longer counts. Whoever stops or removes the container
// waits for that.
type Program func(ctx context.Context, p *Proc) executor.Exit

// Image is what containers are made of.
type Image struct {
	Config executor.ImageConfig
	// Program runs whatever the command line says, which may be empty.
	Program Program
	// Programs are found by the first word of the command line, an absolute
	// path or a name in one of the directories of PATH. They count when Program
	// is nil.
	Programs map[string]Program
	// Files are those of the image by absolute path. /etc/passwd and /etc/group
	// are read for user names. They can be read by all and not be executed.
	Files map[string][]byte
	// Dirs are directories of other modes than 0755.
	Dirs []Dir
}

// Dir is a directory of an image.
type Dir struct {
	Path string
	Mode fs.FileMode
}

type image struct {
	Image
	ref    string
	pinned string
	pulled bool // it comes from the registry
}

// AddImage puts an image on the host under a reference, as a pull or a build
// does. An image that had the reference before keeps its pinned one.
func (h *Host) AddImage(ref string, img Image) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.add(h.newImage(ref, img))
}

// Publish offers an image at a registry: Resolve pulls it from there.
func (h *Host) Publish(ref string, img Image) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := h.newImage(ref, img)
	i.pulled = true
	h.registry[i.ref], h.registry[i.pinned] = i, i
}

// SetFallback answers every reference that no other image has.
func (h *Host) SetFallback(img Image) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fallback = &img
}

// RemoveImage takes an image from the host. Containers go on.
func (h *Host) RemoveImage(ref string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if img := h.images[ref]; img != nil {
		delete(h.images, img.pinned)
		delete(h.images, img.ref)
	}
}

func (h *Host) newImage(ref string, img Image) *image {
	h.digests++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", ref, h.digests))
	name, _, _ := strings.Cut(ref, "@")
	return &image{Image: img, ref: ref, pinned: fmt.Sprintf("%s@sha256:%x", name, sum)}
}

func (h *Host) add(img *image) {
	h.images[img.ref] = img
	h.images[img.pinned] = img
}

// local finds an image on the host.
func (h *Host) local(ref string) *image {
	if img := h.images[ref]; img != nil {
		return img
	}
	if h.fallback == nil {
		return nil
	}
	img := h.newImage(ref, *h.fallback)
	h.add(img)
	return img
}

// find does what the pull policy says. warning is set when a pull failed that
// does not matter.
func (h *Host) find(req executor.ImageRequest) (img *image, warning string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, "", executor.ErrUnreachable
	}
	img = h.local(req.Ref)
	published := h.registry[req.Ref]
	pinned := strings.Contains(req.Ref, "@")
	switch {
	case req.Pull == executor.PullNever, img != nil && (req.Pull == executor.PullMissing || pinned):
	case published != nil:
		h.add(published)
		img = published
	case req.Pull == executor.PullAlways:
		img = nil
	case img != nil && img.pulled:
		warning = fmt.Sprintf("pull %s: %v; using the image that is here", req.Ref, executor.ErrImageNotFound)
	}
	if img == nil {
		return nil, "", executor.ErrImageNotFound
	}
	return img, warning, nil
}

// Withdraw takes a published image from the registry again. Where it was
// pulled it stays.
func (h *Host) Withdraw(ref string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if img := h.registry[ref]; img != nil {
		delete(h.registry, img.ref)
		delete(h.registry, img.pinned)
	}
}

func cloneConfig(c executor.ImageConfig) *executor.ImageConfig {
	c.Env = maps.Clone(c.Env)
	c.Entrypoint = slices.Clone(c.Entrypoint)
	c.Cmd = slices.Clone(c.Cmd)
	return &c
}

// command puts the command line together as Docker does.
func command(cfg executor.ImageConfig, spec executor.Spec) []string {
	entrypoint, args := cfg.Entrypoint, cfg.Cmd
	if spec.Entrypoint != nil {
		entrypoint, args = spec.Entrypoint, nil
	}
	if spec.Args != nil {
		args = spec.Args
	}
	return slices.Concat(entrypoint, args)
}

// program finds what the command line names.
func (i *image) program(argv []string, env func(string) string) (Program, error) {
	if i.Program != nil {
		return i.Program, nil
	}
	if len(argv) == 0 {
		return nil, fmt.Errorf("image %s: neither entrypoint nor command", i.ref)
	}
	paths := []string{argv[0]}
	if !strings.Contains(argv[0], "/") {
		paths = nil
		for dir := range strings.SplitSeq(env("PATH"), ":") {
			paths = append(paths, strings.TrimSuffix(dir, "/")+"/"+argv[0])
		}
	}
	for _, p := range paths {
		if prog := i.Programs[p]; prog != nil {
			return prog, nil
		}
		if i.has(p) {
			return nil, fmt.Errorf("image %s: %s: not executable", i.ref, p)
		}
	}
	return nil, fmt.Errorf("image %s: %s: no such file", i.ref, argv[0])
}

// has reports whether there is a file or a directory of that path.
func (i *image) has(p string) bool {
	for name := range i.Files {
		if name == p || strings.HasPrefix(name, p+"/") {
			return true
		}
	}
	return slices.ContainsFunc(i.Dirs, func(d Dir) bool { return d.Path == p })
}
