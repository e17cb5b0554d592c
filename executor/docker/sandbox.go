package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// sandboxImage holds a network by sleeping.
const sandboxImage = builtinPrefix + "auto-result"

// network is the engine's word for a spec's network.
func (e *Executor) network(ctx context.Context, spec executor.Spec) (string, error) {
	if spec.Network != executor.NetworkRun {
		return spec.Network, nil
	}
	id, err := e.sandbox(ctx, spec.Sandbox)
	if err != nil {
		return "", fmt.Errorf("network of the run: %w", err)
	}
	return "container:" + id, nil
}

// sandbox makes sure that the container whose network others join runs, and
// gives its reference. One that has ended is started again: it holds nothing
// that could be lost.
func (e *Executor) sandbox(ctx context.Context, s executor.Sandbox) (string, error) {
	for {
		c, err := e.inspect(ctx, s.ID)
		switch {
		case errors.Is(err, executor.ErrNotFound):
			if err := e.makeSandbox(ctx, s); err != nil {
				return "", err
			}
		case err != nil:
			return "", err
		case c.Config.Labels[labelRole] != roleSandbox:
			return "", fmt.Errorf("the engine has a container %s which is not kog's; remove or rename it", s.ID)
		case c.State.Running:
			return c.ID, nil
		default:
			_, err := e.api.ContainerStart(ctx, c.ID, client.ContainerStartOptions{})
			if err != nil && !errdefs.IsNotFound(err) {
				return "", e.translate(ctx, err)
			}
		}
	}
}

func (e *Executor) makeSandbox(ctx context.Context, s executor.Sandbox) error {
	img, err := e.resolve(ctx, executor.ImageRequest{Ref: sandboxImage})
	if err != nil {
		return err
	}
	_, err = e.api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: s.ID,
		Config: &container.Config{
			Image: img.Pinned, Labels: with(s.Labels, labelRole, roleSandbox), Hostname: s.ID[:min(len(s.ID), 63)],
			Env: []string{"SLEEP=1000000h"},
		},
		HostConfig: &container.HostConfig{LogConfig: e.flavour.logs},
	})
	if errdefs.IsConflict(err) || err != nil && strings.Contains(err.Error(), "already in use") {
		return nil // somebody else was faster
	}
	return e.translate(ctx, err)
}
