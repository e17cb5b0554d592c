package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// discardTimeout bounds the removal of what a failed call has made.
const discardTimeout = 30 * time.Second

// sweepers is how many containers are removed at a time.
const sweepers = 8

// Remove deletes the container and what belongs to it; see executor.Process.
func (p *process) Remove(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err := p.exec.removeContainer(ctx, p.handle.Ref)
	if err == nil {
		err = p.exec.removeFiles(ctx, p.handle.ID, p.files)
	}
	if err != nil {
		return fmt.Errorf("remove container %s: %w", p.handle.ID, err)
	}
	return nil
}

// removeContainer removes a container with its anonymous volumes, whatever its
// state, and returns when it is gone.
func (e *Executor) removeContainer(ctx context.Context, ref string) error {
	for {
		_, err := e.api.ContainerRemove(ctx, ref, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		switch {
		case err == nil, errdefs.IsNotFound(err):
			e.feeders.close(ref)
			e.taps.close(ref)
			return nil
		case !errdefs.IsConflict(err) && !e.passes(err): // a conflict: somebody else is at it
			return e.translate(ctx, err)
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
}

// removeVolume removes a volume that kog has made.
func (e *Executor) removeVolume(ctx context.Context, name string) error {
	_, err := e.api.VolumeRemove(ctx, name, client.VolumeRemoveOptions{})
	if err == nil || errdefs.IsNotFound(err) {
		return nil
	}
	return e.translate(ctx, err)
}

// removeFiles removes the files of a container that is gone. Whatever else is in
// the volume of a sandbox goes with that.
func (e *Executor) removeFiles(ctx context.Context, id string, own holder) error {
	if own.in != sandboxFolder {
		return e.removeHolders(ctx, id, own)
	}
	err := os.RemoveAll(own.dir)
	if errors.Is(err, fs.ErrPermission) {
		return nil // another user has made it
	}
	return err
}

// removeHolders removes the volumes with files that were made for an ID, except
// that of a container which has the ID by now. The own one was of a container
// that is gone.
func (e *Executor) removeHolders(ctx context.Context, id string, own holder) error {
	// By their names: an engine that was about to end may have lost the labels.
	found, err := e.api.VolumeList(ctx, client.VolumeListOptions{Filters: make(client.Filters).Add("name", holderPrefix(id))})
	if err != nil {
		return e.translate(ctx, err)
	}
	var others []string
	for _, v := range found.Items {
		switch {
		case !madeFor(id, v.Name):
		case v.Name == own.name && own.in == ownVolume:
			if err := e.removeVolume(ctx, v.Name); err != nil {
				return err
			}
		default:
			others = append(others, v.Name)
		}
	}
	if others == nil {
		return nil
	}
	inUse := ""
	c, err := e.inspect(ctx, id)
	switch {
	case err == nil:
		inUse = c.Config.Labels[labelFiles]
	case !errors.Is(err, executor.ErrNotFound):
		return err
	}
	for _, name := range others {
		if name == inUse {
			continue
		}
		if err := errors.Join(e.removeContainer(ctx, name), e.removeVolume(ctx, name)); err != nil {
			return err
		}
	}
	return nil
}

// discard removes the files of a start that failed.
func (e *Executor) discard(ctx context.Context, h holder) error {
	return undo(ctx, func(ctx context.Context) error {
		switch {
		case h.name == "":
			return nil
		case h.in == sandboxFolder:
			return os.RemoveAll(h.dir)
		}
		return errors.Join(e.removeContainer(ctx, h.name), e.removeVolume(ctx, h.name))
	})
}

// undo cleans up after a call that failed, also when its ctx has ended.
func undo(ctx context.Context, clean func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	if err := clean(ctx); err != nil {
		return fmt.Errorf("clean up after that: %w", err)
	}
	return nil
}

// Sweep removes every container with the given labels; see executor.Executor.
func (e *Executor) Sweep(ctx context.Context, labels map[string]string) (int, error) {
	if len(labels) == 0 {
		return 0, errors.New("sweep containers: no labels given, at least one is needed")
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	n, err := e.sweep(ctx, labels)
	if err != nil {
		return n, fmt.Errorf("sweep containers: %w", err)
	}
	return n, nil
}

func (e *Executor) sweep(ctx context.Context, labels map[string]string) (int, error) {
	found, err := e.list(ctx, labels)
	if err != nil {
		return 0, err
	}
	n := 0
	var removals errgroup.Group
	removals.SetLimit(sweepers)
	// First those that use the others.
	for _, steps := range []bool{true, false} {
		for _, c := range found.containers {
			if (c.Labels[labelRole] == roleStep) != steps {
				continue
			}
			if steps {
				n++
			}
			removals.Go(func() error { return e.removeContainer(ctx, c.ID) })
		}
		if err := removals.Wait(); err != nil {
			return n, err
		}
	}
	for _, name := range found.volumes {
		if err := errors.Join(e.nearby.remove(name), e.removeVolume(ctx, name)); err != nil {
			return n, err
		}
		e.shared.forget(name)
	}
	return n, nil
}

// belongings are what kog has on an engine.
type belongings struct {
	containers []container.Summary
	volumes    []string // by name
}

// list finds kog's containers and volumes that carry all labels.
func (e *Executor) list(ctx context.Context, labels map[string]string) (belongings, error) {
	filters := make(client.Filters).Add("label", labelRole)
	for name, value := range labels {
		filters = filters.Add("label", name+"="+value)
	}
	var found belongings
	containers, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	if err != nil {
		return found, e.translate(ctx, err)
	}
	for _, c := range containers.Items {
		if carries(c.Labels, labels) {
			found.containers = append(found.containers, c)
		}
	}
	volumes, err := e.api.VolumeList(ctx, client.VolumeListOptions{Filters: filters})
	if err != nil {
		return found, e.translate(ctx, err)
	}
	for _, v := range volumes.Items {
		if carries(v.Labels, labels) {
			found.volumes = append(found.volumes, v.Name)
		}
	}
	for _, name := range e.shared.that(labels) {
		if !slices.Contains(found.volumes, name) {
			found.volumes = append(found.volumes, name)
		}
	}
	return found, nil
}

// carries reports whether all wanted labels are there with their whole value:
// engines differ in what they match.
func carries(has, want map[string]string) bool {
	for name, value := range want {
		if got, ok := has[name]; !ok || got != value {
			return false
		}
	}
	return has[labelRole] != ""
}
