package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// A container that was made is started at once by its maker. One that stays
// unstarted for takeOver has lost its maker, and is started by whoever finds
// it; a maker that was held up for more than half of that does not start it
// any more. So no two start the same one, which the engine would not prevent:
// it executes an ended container's command again.
const takeOver = 3 * time.Second

// look is how often something that changes by itself is looked at.
const look = 20 * time.Millisecond

// Start starts one container, or finds the one that was started under the same
// ID; see executor.Executor.
func (e *Executor) Start(ctx context.Context, spec executor.Spec) (executor.Process, error) {
	if err := spec.Check(); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	err := e.flavour.refuse(spec)
	var p *process
	if err == nil {
		p, err = e.start(ctx, spec)
	}
	if err != nil {
		return nil, fmt.Errorf("start container %s: %w", spec.ID, err)
	}
	return p, nil
}

func (e *Executor) start(ctx context.Context, spec executor.Spec) (*process, error) {
	waiting, regained := patience{}, false
	for {
		refusal := e.nearby.refusal()
		c, err := e.inspect(ctx, spec.ID)
		switch {
		case errors.Is(err, executor.ErrNotFound):
			p, err := e.make(ctx, spec)
			switch {
			case errors.Is(err, errTaken), refusal(err): // look again
			case err == nil || regained:
				return p, err
			default:
				if err := e.regain(ctx, spec, err); err != nil {
					return nil, err
				}
				regained = true
			}
		case err != nil:
			return nil, err
		case c.Config.Labels[labelRole] != roleStep:
			return nil, errors.New("the engine has a container of that name which is not kog's; remove or rename it")
		case failed(c.State):
			if err := e.removeContainer(ctx, c.ID); err != nil {
				return nil, err
			}
		case started(c.State):
			return e.found(spec.ID, c), nil
		case unstarted(c.State) && waiting.over(c.ID):
			if p, err := e.run(ctx, e.found(spec.ID, c), spec); !refusal(err) {
				return p, err
			}
		default:
			if err := pause(ctx, look); err != nil {
				return nil, err
			}
		}
	}
}

// patience counts how long one container was seen unstarted.
type patience struct {
	id    string
	since time.Time
}

func (p *patience) over(id string) bool {
	if p.id != id {
		p.id, p.since = id, time.Now()
	}
	return time.Since(p.since) > takeOver
}

// started reports whether a container's command is or was executed.
func started(s *container.State) bool {
	switch s.Status {
	case container.StateRunning, container.StatePaused, container.StateRestarting, container.StateExited:
		return true
	}
	return false
}

// unstarted reports whether a container was made and not started. Podman calls
// it initialized once somebody has attached to it.
func unstarted(s *container.State) bool {
	return s.Status == container.StateCreated || s.Status == "initialized"
}

// failed reports whether a container could not be started, and was left behind
// by somebody who could not remove it any more.
func failed(s *container.State) bool {
	return unstarted(s) && (s.Error != "" || s.ExitCode != 0)
}

// errTaken: somebody else has made the container, or may have.
var errTaken = errors.New("the name is taken")

// make makes a container and starts it.
func (e *Executor) make(ctx context.Context, spec executor.Spec) (*process, error) {
	if err := e.makeSources(spec.Volumes); err != nil {
		return nil, err
	}
	var b blueprint
	parts, partsCtx := errgroup.WithContext(ctx)
	parts.Go(func() error {
		b.life = e.tapLife(partsCtx, spec.ID)
		return nil
	})
	parts.Go(func() (err error) {
		b.files, err = e.hold(partsCtx, spec)
		return err
	})
	parts.Go(func() (err error) {
		b.network, err = e.network(partsCtx, spec)
		return err
	})
	if err := parts.Wait(); err != nil {
		b.life.close()
		return nil, errors.Join(err, e.discard(ctx, b.files))
	}
	began := time.Now()
	id, err := e.create(ctx, spec, b)
	if err != nil {
		b.life.close()
		if ctx.Err() != nil || errors.Is(err, executor.ErrEngineGone) {
			return nil, err // the container may be there, and needs its files
		}
		return nil, errors.Join(err, e.discard(ctx, b.files))
	}
	// Before the time is looked at: nobody else has started it by then.
	e.tap(ctx, id, b.life)
	e.settle(ctx, began)
	p, err := (*process)(nil), errTaken
	if time.Since(began) <= takeOver/2 {
		p = e.process(spec.ID, id)
		p.files = b.files
		p, err = e.run(ctx, p, spec)
	}
	if err != nil {
		e.taps.close(id)
	}
	return p, err
}

// create claims the spec's ID: no two containers have the same name.
func (e *Executor) create(ctx context.Context, spec executor.Spec, b blueprint) (string, error) {
	spec, err := e.explicit(ctx, spec)
	if err != nil {
		return "", err
	}
	options, err := e.createOptions(spec, b)
	if err != nil {
		return "", err
	}
	created, err := e.api.ContainerCreate(ctx, options)
	switch {
	case err == nil:
	case errdefs.IsConflict(err) || strings.Contains(err.Error(), "already in use"):
		return "", errTaken
	default:
		return "", e.translate(ctx, err)
	}
	for _, w := range created.Warnings {
		e.log.Debug("engine warns", "container", spec.ID, "warning", w)
	}
	if e.flavour.needsWorkingDir && spec.WorkingDir != "" {
		if err := e.makeDir(ctx, created.ID, spec.WorkingDir); err != nil {
			return "", errors.Join(err, undo(ctx, func(ctx context.Context) error {
				return e.removeContainer(ctx, created.ID)
			}))
		}
	}
	return created.ID, nil
}

// explicit says with the entrypoint alone what an empty list means, since
// engines take those for none at all.
func (e *Executor) explicit(ctx context.Context, spec executor.Spec) (executor.Spec, error) {
	switch {
	case spec.Entrypoint != nil && len(spec.Entrypoint) == 0:
		spec.Entrypoint, spec.Args = spec.Args, nil
	case spec.Entrypoint == nil && spec.Args != nil && len(spec.Args) == 0:
		img, err := e.imageHere(ctx, spec.Image)
		if err != nil || img == nil || img.Config == nil {
			return spec, err // without the image the engine has its own words
		}
		spec.Entrypoint = img.Config.Entrypoint
	default:
		return spec, nil
	}
	if len(spec.Entrypoint) == 0 {
		return spec, errors.New("there is no command to execute: entrypoint and arguments are empty")
	}
	return spec, nil
}

// run executes the command of a container that was made. What cannot be
// started is removed, unless the call itself was cut short.
func (e *Executor) run(ctx context.Context, p *process, spec executor.Spec) (*process, error) {
	err := e.feed(ctx, p.handle.Ref, spec.Stdin)
	if err == nil {
		_, err = e.api.ContainerStart(ctx, p.handle.Ref, client.ContainerStartOptions{})
	}
	switch {
	case err == nil:
		return p, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	err = e.translate(ctx, err)
	if errors.Is(err, executor.ErrEngineGone) {
		return nil, err // whether it runs is not known
	}
	return nil, errors.Join(err, p.Remove(ctx))
}

// makeSources makes missing host folders where the engine does not.
func (e *Executor) makeSources(volumes []executor.Volume) error {
	if !e.flavour.needsSources || !e.local {
		return nil
	}
	for _, v := range volumes {
		if _, err := os.Stat(v.Source); !v.Bind() || !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.MkdirAll(v.Source, 0o755); err != nil { //nolint:gosec // as the engines do it: containers have other users
			return fmt.Errorf("volume %s: %w", v, err)
		}
	}
	return nil
}

// pause waits, and no longer than ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
