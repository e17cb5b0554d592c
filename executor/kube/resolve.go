package kube

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// elsewhere are kinds of references that only executors know which have the
// images themselves.
var elsewhere = []string{"builtin:", "docker-archive:", "oci:", "oci-archive:"}

// Resolve only reads the reference: the node that a pod comes to asks for the
// image, under the policy of Spec.Pull. See executor.Executor.
func (e *Executor) Resolve(ctx context.Context, req executor.ImageRequest) (executor.Image, error) {
	if ctx.Err() != nil {
		return executor.Image{}, context.Cause(ctx)
	}
	for _, kind := range elsewhere {
		if strings.HasPrefix(req.Ref, kind) {
			return executor.Image{}, fmt.Errorf("image %s: a cluster pulls its images: push it to a registry that the nodes reach, and name it there: %w",
				req.Ref, executor.ErrUnsupported)
		}
	}
	if _, err := name.ParseReference(req.Ref); err != nil {
		return executor.Image{}, fmt.Errorf("image %q: %w", req.Ref, err)
	}
	return executor.Image{Ref: req.Ref, Pinned: req.Ref}, nil
}
