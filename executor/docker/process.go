package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// process is one container; see executor.Process.
type process struct {
	exec   *Executor
	handle executor.Handle
	files  holder // if it was made here
	// announced is closed by announce, when Wait has heard of a good end.
	announced chan struct{}
	announce  func()
	stopped   atomic.Bool // Stop was called
}

var (
	_ executor.Executor = (*Executor)(nil)
	_ executor.Process  = (*process)(nil)
)

func (e *Executor) process(id, ref string) *process {
	announced := make(chan struct{})
	return &process{
		exec: e, handle: executor.Handle{Executor: e.flavour.name, ID: id, Ref: ref},
		announced: announced, announce: sync.OnceFunc(func() { close(announced) }),
	}
}

// Attach finds a container again; see executor.Executor.
func (e *Executor) Attach(ctx context.Context, h executor.Handle) (executor.Process, error) {
	if h.Executor != e.flavour.name || h.ID == "" {
		return nil, fmt.Errorf("attach to container %q of executor %q: it is not one of executor %s", h.ID, h.Executor, e.flavour.name)
	}
	ref := h.Ref
	if ref == "" {
		ref = h.ID
	}
	c, err := e.inspect(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("attach to container %s: %w", h.ID, err)
	}
	return e.found(h.ID, c), nil
}

// found is a container that may have been made elsewhere.
func (e *Executor) found(id string, c container.InspectResponse) *process {
	p := e.process(id, c.ID)
	p.files = e.holderOf(id, c)
	return p
}

// inspectTries is how often a container is asked for while the errors are of
// the kind that pass.
const inspectTries = 10

// inspect asks for a container by name or reference. While the engine starts
// it, the answer waits for that.
func (e *Executor) inspect(ctx context.Context, ref string) (container.InspectResponse, error) {
	for try := 1; ; try++ {
		result, err := e.api.ContainerInspect(ctx, ref, client.ContainerInspectOptions{})
		if err == nil {
			return result.Container, nil
		}
		if try == inspectTries || !e.passes(err) {
			return container.InspectResponse{}, e.aboutContainer(ctx, err)
		}
		if err := pause(ctx, look); err != nil {
			return container.InspectResponse{}, err
		}
	}
}

func (p *process) Handle() executor.Handle { return p.handle }

// Stop asks the container to end, then kills it; see executor.Process.
func (p *process) Stop(ctx context.Context, grace time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p.stopped.Store(true)
	err := p.stop(ctx, grace)
	if err != nil && !errors.Is(err, executor.ErrNotFound) {
		return fmt.Errorf("stop container %s: %w", p.handle.ID, err)
	}
	return nil
}

func (p *process) stop(ctx context.Context, grace time.Duration) error {
	if grace > 0 {
		if err := p.signal(ctx, "SIGTERM"); err != nil {
			return err
		}
		graceCtx, cancel := context.WithTimeout(ctx, grace)
		err := p.end(graceCtx)
		cancel()
		if err == nil || ctx.Err() != nil || graceCtx.Err() == nil {
			return err
		}
	}
	if err := p.signal(ctx, "SIGKILL"); err != nil {
		return err
	}
	return p.end(ctx)
}

// signal sends a signal. A container that has ended does not mind.
func (p *process) signal(ctx context.Context, signal string) error {
	for {
		_, err := p.exec.api.ContainerKill(ctx, p.handle.Ref, client.ContainerKillOptions{Signal: signal})
		if err == nil || errdefs.IsNotFound(err) {
			return p.exec.aboutContainer(ctx, err)
		}
		c, inspectErr := p.exec.inspect(ctx, p.handle.Ref)
		switch {
		case inspectErr != nil:
			return inspectErr
		case c.State.Paused: // somebody has frozen it: nothing can end it like that
			if _, err := p.exec.api.ContainerUnpause(ctx, p.handle.Ref, client.ContainerUnpauseOptions{}); err != nil {
				return p.exec.aboutContainer(ctx, err)
			}
		case !c.State.Running:
			return nil
		default:
			return p.exec.aboutContainer(ctx, err)
		}
	}
}

// makeDir makes a folder in a container that was not started yet.
func (e *Executor) makeDir(ctx context.Context, ref, dir string) error {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	name := ""
	for part := range strings.SplitSeq(strings.Trim(dir, "/"), "/") {
		if part == "" {
			continue
		}
		name += part + "/"
		stat, err := e.api.ContainerStatPath(ctx, ref, client.ContainerStatPathOptions{Path: "/" + name})
		if err == nil && stat.Stat.Mode.IsDir() {
			continue
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err := e.api.CopyToContainer(ctx, ref, client.CopyToContainerOptions{DestinationPath: "/", Content: &archive})
	if err != nil {
		return fmt.Errorf("make working directory %s: %w", dir, e.translate(ctx, err))
	}
	return nil
}
