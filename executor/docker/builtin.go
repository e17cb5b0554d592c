package docker

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// builtinRepository is where built-in images have their tags. No registry can
// have this name.
// Source of the rule: RFC 6761, section 6.4, "invalid".
const builtinRepository = "builtin.kog.invalid/"

// resolveBuiltin gives a built-in image to the engine, once for each version of
// the program.
func (e *Executor) resolveBuiltin(ctx context.Context, req executor.ImageRequest, builtin string) (executor.Image, error) {
	if e.builtin == nil {
		return executor.Image{}, fmt.Errorf("this program has no built-in images: %w", executor.ErrUnsupported)
	}
	key, err := e.builtin.Key(builtin)
	if err != nil {
		return executor.Image{}, err
	}
	tag := builtinRepository + builtin + ":" + key[:min(len(key), 16)]
	here, err := e.imageHere(ctx, tag)
	if err != nil {
		return executor.Image{}, err
	}
	if here != nil {
		img := e.image(req.Ref, *here, false)
		return img, nil
	}
	tell(req, executor.Progress{Message: "giving " + req.Ref + " to " + e.flavour.title})
	img, err := e.loadBuiltin(ctx, req.Ref, builtin)
	if err != nil {
		return executor.Image{}, err
	}
	if _, err := e.api.ImageTag(ctx, client.ImageTagOptions{Source: img.Pinned, Target: tag}); err != nil {
		return executor.Image{}, e.translate(ctx, err)
	}
	return img, nil
}

// loadBuiltin writes the image straight to the engine.
func (e *Executor) loadBuiltin(ctx context.Context, ref, builtin string) (executor.Image, error) {
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := e.builtin.WriteArchive(ctx, builtin, w)
		_ = w.CloseWithError(err) // never fails
		written <- err
	}()
	img, err := e.load(ctx, ref, r)
	_ = r.Close() // never fails; ends the writer if the engine has not read on
	if writeErr := <-written; writeErr != nil && !errors.Is(writeErr, io.ErrClosedPipe) {
		return executor.Image{}, writeErr
	}
	return img, err
}
