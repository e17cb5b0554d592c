package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Prefixes of references that are no image names.
const (
	builtinPrefix = "builtin:"
	archivePrefix = "docker-archive:"
)

// elsewhere are forms of references that only the native executor reads.
var elsewhere = []string{"oci:", "oci-archive:"}

// imageID is what an engine calls an image by its content.
var imageID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^sha256:[0-9a-f]{64}$`) })

// Resolve makes an image available to the engine; see executor.Executor.
func (e *Executor) Resolve(ctx context.Context, req executor.ImageRequest) (executor.Image, error) {
	if ctx.Err() != nil {
		return executor.Image{}, context.Cause(ctx)
	}
	if img, ok := e.known.find(req); ok {
		return img, nil
	}
	img, err := e.resolve(ctx, req)
	if err != nil {
		return executor.Image{}, fmt.Errorf("image %s: %w", req.Ref, err)
	}
	e.known.add(req.Ref, img)
	return img, nil
}

func (e *Executor) resolve(ctx context.Context, req executor.ImageRequest) (executor.Image, error) {
	if builtin, ok := strings.CutPrefix(req.Ref, builtinPrefix); ok {
		return e.resolveBuiltin(ctx, req, builtin)
	}
	if file, ok := strings.CutPrefix(req.Ref, archivePrefix); ok {
		return e.resolveArchive(ctx, req, file)
	}
	for _, prefix := range elsewhere {
		if strings.HasPrefix(req.Ref, prefix) {
			return executor.Image{}, fmt.Errorf("executor %s does not read %s references; push the image to a registry, or save it as %sFILE: %w",
				e.flavour.name, prefix, archivePrefix, executor.ErrUnsupported)
		}
	}
	here, err := e.imageHere(ctx, req.Ref)
	if err != nil {
		return executor.Image{}, err
	}
	if here == nil && imageID().MatchString(req.Ref) {
		return executor.Image{}, fmt.Errorf("the engine has it no more, and it cannot be pulled: it was never in a registry: %w", executor.ErrImageNotFound)
	}
	switch req.Pull {
	case executor.PullNever:
		if here == nil {
			return executor.Image{}, fmt.Errorf("the engine does not have it, and --pull never forbids to pull it: %w", executor.ErrImageNotFound)
		}
		return e.image(req.Ref, *here, false), nil
	case executor.PullMissing:
		if here != nil {
			return e.image(req.Ref, *here, false), nil
		}
	case executor.PullAuto:
		if here != nil && (pinned(req.Ref) || e.onlyHere(*here)) {
			return e.image(req.Ref, *here, false), nil
		}
	}
	return e.pullOr(ctx, req, here)
}

// pullOr pulls an image, or is content with the one that is there when that
// fails and nobody has insisted.
func (e *Executor) pullOr(ctx context.Context, req executor.ImageRequest, here *image.InspectResponse) (executor.Image, error) {
	if err := e.pull(ctx, req); err != nil {
		if here == nil || req.Pull != executor.PullAuto || ctx.Err() != nil {
			return executor.Image{}, err
		}
		tell(req, executor.Progress{Warning: true, Message: fmt.Sprintf("cannot pull %s, using the image that is here: %v", req.Ref, err)})
		return e.image(req.Ref, *here, false), nil
	}
	pulled, err := e.imageHere(ctx, req.Ref)
	if err == nil && pulled == nil {
		err = fmt.Errorf("it vanished after it was pulled: %w", executor.ErrImageNotFound)
	}
	if err != nil {
		return executor.Image{}, err
	}
	return e.image(req.Ref, *pulled, true), nil
}

// pinned reports whether a reference always means the same image.
func pinned(ref string) bool { return strings.Contains(ref, "@sha256:") || imageID().MatchString(ref) }

// onlyHere reports whether there is no sign that an image was ever in a registry.
func (e *Executor) onlyHere(img image.InspectResponse) bool {
	switch {
	case e.flavour.localDigests:
		return !slices.ContainsFunc(img.RepoTags, func(tag string) bool { return !strings.HasPrefix(tag, "localhost/") })
	case img.Descriptor == nil:
		return len(img.RepoDigests) == 0
	}
	// Docker keeps it as containerd does, and gives each image a digest.
	return !e.speaksLess(identityVersion) && (img.Identity == nil || len(img.Identity.Pull) == 0)
}

// digestOfRegistry reports whether the digest that an image has in the repository
// of a reference is one that a registry has, or may be.
func (e *Executor) digestOfRegistry(ref string, img image.InspectResponse) bool {
	switch {
	case e.flavour.localDigests:
		return false
	case img.Descriptor == nil || e.speaksLess(identityVersion):
		return true
	case img.Identity == nil:
		return false
	}
	want, err := name.ParseReference(ref)
	return err == nil && slices.ContainsFunc(img.Identity.Pull, func(from image.PullIdentity) bool {
		got, err := name.NewRepository(from.Repository)
		return err == nil && got.Name() == want.Context().Name()
	})
}

// identityVersion is the API version from which on Docker tells where an image
// was pulled from or pushed to.
const identityVersion = "1.53"

// imageHere asks whether the engine has an image, nil when it does not.
func (e *Executor) imageHere(ctx context.Context, ref string) (*image.InspectResponse, error) {
	result, err := e.api.ImageInspect(ctx, ref)
	if errdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, e.translate(ctx, err)
	}
	return &result.InspectResponse, nil
}

// image describes an image that the engine has. It is pinned by its digest in
// the registry where there is one, so that it can be had again.
func (e *Executor) image(ref string, img image.InspectResponse, pulled bool) executor.Image {
	out := executor.Image{Ref: ref, Pinned: img.ID, Config: &executor.ImageConfig{}}
	if !strings.HasPrefix(out.Pinned, "sha256:") {
		out.Pinned = "sha256:" + out.Pinned
	}
	if pinned(ref) {
		out.Pinned = ref
	} else if digest := repoDigest(ref, img.RepoDigests); digest != "" && (pulled || e.digestOfRegistry(ref, img)) {
		out.Pinned = digest
	}
	if c := img.Config; c != nil {
		out.Config.Entrypoint, out.Config.Cmd = c.Entrypoint, c.Cmd
		out.Config.User, out.Config.WorkingDir = c.User, c.WorkingDir
		for _, variable := range c.Env {
			name, value, _ := strings.Cut(variable, "=")
			if out.Config.Env == nil {
				out.Config.Env = map[string]string{}
			}
			out.Config.Env[name] = value
		}
	}
	return out
}

// repoDigest finds the digest that an image has in the repository of a reference.
func repoDigest(ref string, digests []string) string {
	want, err := name.ParseReference(ref)
	if err != nil {
		return ""
	}
	for _, d := range digests {
		if got, err := name.NewDigest(d); err == nil && got.Context().Name() == want.Context().Name() {
			return d
		}
	}
	return ""
}

// resolveArchive loads an archive as `docker save` writes it.
func (e *Executor) resolveArchive(ctx context.Context, req executor.ImageRequest, file string) (executor.Image, error) {
	archive, err := os.Open(file)
	if err != nil {
		return executor.Image{}, fmt.Errorf("%w: %w", err, executor.ErrImageNotFound)
	}
	defer func() { _ = archive.Close() }()
	tell(req, executor.Progress{Message: "loading " + req.Ref})
	return e.load(ctx, req.Ref, archive)
}

// load gives an archive to the engine, and tells which image it was.
func (e *Executor) load(ctx context.Context, ref string, archive io.Reader) (executor.Image, error) {
	result, err := e.api.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(true))
	if err != nil {
		return executor.Image{}, e.translate(ctx, err)
	}
	defer func() { _ = result.Close() }() // it is read to its end
	loaded, err := loadedName(result)
	if err != nil {
		return executor.Image{}, e.translate(ctx, err)
	}
	here, err := e.imageHere(ctx, loaded)
	if err == nil && here == nil {
		err = errors.New("the engine has lost what it loaded")
	}
	if err != nil {
		return executor.Image{}, err
	}
	img := e.image(ref, *here, false)
	img.Pinned = here.ID
	if !strings.HasPrefix(img.Pinned, "sha256:") {
		img.Pinned = "sha256:" + img.Pinned
	}
	return img, nil
}

func tell(req executor.ImageRequest, p executor.Progress) {
	if req.Progress != nil {
		req.Progress(p)
	}
}
