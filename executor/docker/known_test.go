package docker_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// An image that a run has seen is not looked at before each step. One that is
// removed meanwhile is made available again under the rules of the first time.
func TestKnownImageIsGone(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		h := startHub(t, e)
		e.forget(t)
		logIn(t, h.host, registryPassword)
		x := e.executor(t)
		ref, _ := h.push(t, "known/image:1", busyboxImage(t))
		seen := mustResolve(t, x, ref, executor.PullAuto)
		builtin := mustResolve(t, x, "builtin:auto-result", executor.PullAuto)
		start := func(ref string, policy executor.PullPolicy) (*heard, error) {
			t.Helper()
			img := mustResolve(t, x, ref, policy)
			if img.Pinned != ref && img.Pinned != builtin.Pinned || img.Config == nil {
				t.Errorf("%s is now %+v", ref, img)
			}
			h := &heard{}
			p, err := x.Start(t.Context(), executor.Spec{
				ID: "kogtest-known", Image: img.Pinned, Pull: policy, Progress: h.progress, Network: executor.NetworkNone,
				Env: map[string]string{"KOG_CONTEXT": "{}"}, Args: []string{"true"}, Labels: map[string]string{"kog.test/case": "known"},
			})
			if err != nil {
				return h, err
			}
			if _, err := p.Wait(t.Context()); err != nil {
				t.Error(err)
			}
			return h, p.Remove(t.Context())
		}
		for _, policy := range []executor.PullPolicy{executor.PullAuto, executor.PullMissing} {
			e.removeImages(t)
			told, err := start(seen.Pinned, policy)
			if err != nil || !slices.Equal(slices.Compact(told.messages), []string{"pulling " + seen.Pinned}) {
				t.Errorf("policy %q: %v, told %q", policy, err, told.messages)
			}
			if told, err := start(seen.Pinned, policy); err != nil || len(told.messages) > 0 {
				t.Errorf("policy %q, it is there again: %v, told %q", policy, err, told.messages)
			}
		}
		e.removeImages(t)
		for range 2 { // the first notices it, the second knows
			if _, err := x.Start(t.Context(), executor.Spec{ID: "kogtest-known", Image: seen.Pinned, Pull: executor.PullNever}); !errors.Is(err, executor.ErrImageNotFound) {
				t.Errorf("never pulled: %v, want %v", err, executor.ErrImageNotFound)
			}
		}
		archived := mustResolve(t, x, "docker-archive:"+busyboxArchive(t), executor.PullAuto)
		for _, gone := range []executor.Image{builtin, archived} {
			if _, err := e.api(t).ImageRemove(t.Context(), gone.Pinned, client.ImageRemoveOptions{Force: true}); err != nil {
				t.Fatal(err)
			}
			if _, err := start(gone.Pinned, executor.PullNever); err != nil {
				t.Errorf("%s: %v", gone.Ref, err)
			}
		}
		if _, err := start(builtin.Ref, executor.PullNever); err != nil {
			t.Error(err)
		}
		if _, err := e.api(t).ImageRemove(t.Context(), archived.Pinned, client.ImageRemoveOptions{Force: true}); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for i := range 3 { // all miss it, and one of them does so first
			all.Go(func() {
				p, err := x.Start(t.Context(), executor.Spec{
					ID: fmt.Sprintf("kogtest-known-%d", i), Image: archived.Pinned, Pull: executor.PullNever, Network: executor.NetworkNone,
					Entrypoint: []string{"/bin/busybox", "true"}, Labels: map[string]string{"kog.test/case": "known"},
				})
				if err == nil {
					err = p.Remove(t.Context())
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, left := range e.leftovers(t) {
			t.Errorf("left behind: %s", left)
		}
	})
}
