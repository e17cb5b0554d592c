package docker

import (
	"context"
	"errors"
	"fmt"
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
		err = p.exec.removeHolders(ctx, p.handle.ID)
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
			return nil
		case !errdefs.IsConflict(err): // which means that somebody else is at it
			return e.translate(ctx, err)
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
}

// removeHolders removes the holders of files that were made for an ID, except
// that of a container which has the ID by now.
func (e *Executor) removeHolders(ctx context.Context, id string) error {
	holders, err := e.list(ctx, map[string]string{labelRole: roleFiles, labelFor: id})
	if err != nil || len(holders) == 0 {
		return err
	}
	inUse := ""
	c, err := e.inspect(ctx, id)
	switch {
	case err == nil:
		inUse = c.Config.Labels[labelFiles]
	case !errors.Is(err, executor.ErrNotFound):
		return err
	}
	for _, h := range holders {
		if nameOf(h) == inUse {
			continue
		}
		if err := e.removeContainer(ctx, h.ID); err != nil {
			return err
		}
	}
	return nil
}

// discard removes what a failed call has made, also when its ctx has ended.
func (e *Executor) discard(ctx context.Context, ref string) error {
	if ref == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	if err := e.removeContainer(ctx, ref); err != nil {
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
	found, err := e.list(ctx, labels)
	if err != nil {
		return 0, fmt.Errorf("sweep containers: %w", err)
	}
	n := 0
	var removals errgroup.Group
	removals.SetLimit(sweepers)
	// Holders go last: containers use what they hold.
	for _, holders := range []bool{false, true} {
		for _, c := range found {
			if c.Labels[labelRole] == roleStep && !holders {
				n++
			}
			if (c.Labels[labelRole] == roleFiles) == holders {
				removals.Go(func() error { return e.removeContainer(ctx, c.ID) })
			}
		}
		if err := removals.Wait(); err != nil {
			return n, fmt.Errorf("sweep containers: %w", err)
		}
	}
	return n, nil
}

// list finds kog's containers that carry all labels.
func (e *Executor) list(ctx context.Context, labels map[string]string) ([]container.Summary, error) {
	filters := client.Filters{}
	for name, value := range labels {
		filters = filters.Add("label", name+"="+value)
	}
	filters = filters.Add("label", labelRole)
	result, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	if err != nil {
		return nil, e.translate(ctx, err)
	}
	var found []container.Summary
	for _, c := range result.Items {
		if c.Labels[labelRole] != "" && carries(c.Labels, labels) {
			found = append(found, c)
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
	return true
}

// nameOf is a container's name; engines put a slash before it.
func nameOf(c container.Summary) string {
	if len(c.Names) == 0 {
		return ""
	}
	n := c.Names[0]
	if n[0] == '/' {
		n = n[1:]
	}
	return n
}
