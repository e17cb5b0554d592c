package fake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Executor is a client of a Host.
type Executor struct{ host *Host }

var _ executor.Executor = (*Executor)(nil)

// Executor makes a client. Clients hold nothing: dropping one leaves the host
// as it is.
func (h *Host) Executor() *Executor { return &Executor{host: h} }

// Probe implements executor.Executor. Every ability is there that a Spec can
// ask for, except secrets and config maps; see Start for what becomes of it.
func (e *Executor) Probe(ctx context.Context) (executor.Info, error) {
	fail := func(err error) (executor.Info, error) {
		return executor.Info{}, fmt.Errorf("probe %s: %w", Name, err)
	}
	c := e.host.begin(OpProbe, "", nil)
	if err := c.before(ctx); err != nil {
		return fail(err)
	}
	e.host.mu.Lock()
	closed := e.host.closed
	e.host.mu.Unlock()
	if closed {
		return fail(executor.ErrUnreachable)
	}
	info := executor.Info{Name: Name, Version: "1", Features: map[executor.Feature]executor.Ability{}}
	for _, f := range []executor.Feature{
		executor.FeatureMemoryLimit, executor.FeatureCPULimit, executor.FeatureUsers, executor.FeatureNetworkNone,
		executor.FeatureNetworkHost, executor.FeatureVolumes, executor.FeatureStdin, executor.FeatureSplitOutput,
		executor.FeatureNetworkRun, executor.FeatureNetworkNamed, executor.FeatureNamedVolumes, executor.FeatureGPUs,
		executor.FeaturePrivileged, executor.FeatureDevices, executor.FeatureCapabilities, executor.FeatureReadOnly,
		executor.FeatureTmpfs, executor.FeatureShmSize, executor.FeatureExtraHosts, executor.FeatureDNS, executor.FeatureInit,
		executor.FeatureNamedUsers, executor.FeatureImageLookup, executor.FeatureEmptyLists, executor.FeatureWorkspace,
	} {
		info.Features[f] = executor.Ability{OK: true, Why: "in memory"}
	}
	info.Features[executor.FeatureClusterVolumes] = executor.Ability{Why: whyNoCluster}
	if err := c.after(ctx); err != nil {
		return fail(err)
	}
	return info, nil
}

// Resolve implements executor.Executor.
func (e *Executor) Resolve(ctx context.Context, req executor.ImageRequest) (executor.Image, error) {
	fail := func(err error) (executor.Image, error) {
		return executor.Image{}, fmt.Errorf("resolve image %q: %w", req.Ref, err)
	}
	c := e.host.begin(OpResolve, req.Ref, nil)
	if err := c.before(ctx); err != nil {
		return fail(err)
	}
	img, warning, err := e.host.find(req)
	if err != nil {
		return fail(err)
	}
	if warning != "" && req.Progress != nil {
		req.Progress(executor.Progress{Message: warning, Warning: true})
	}
	if err := c.after(ctx); err != nil {
		return fail(err)
	}
	return executor.Image{Ref: req.Ref, Pinned: img.pinned, Config: cloneConfig(img.Config)}, nil
}

const whyNoCluster = "the fake has no cluster"

// Start implements executor.Executor. A read-only root, tmpfs, extra hosts and
// name servers show in Proc.FS. All other settings, such as limits, devices and
// capabilities, are handed to the program in Proc.Spec, which has to keep to
// them itself.
func (e *Executor) Start(ctx context.Context, spec executor.Spec) (executor.Process, error) {
	if err := spec.Check(); err != nil {
		return nil, err
	}
	fail := func(err error) (executor.Process, error) {
		return nil, fmt.Errorf("start container %s: %w", spec.ID, err)
	}
	c := e.host.begin(OpStart, spec.ID, spec.Labels)
	if err := c.before(ctx); err != nil {
		return fail(err)
	}
	cont, err := e.host.start(spec)
	if err != nil {
		return fail(err)
	}
	if err := c.after(ctx); err != nil {
		return fail(err)
	}
	return &process{host: e.host, c: cont}, nil
}

// start gives the container of an ID and begins it when there is none.
func (h *Host) start(spec executor.Spec) (*container, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, executor.ErrUnreachable
	}
	if c := h.containers[spec.ID]; c != nil {
		if c.isGone() {
			return nil, executor.ErrNotFound
		}
		return c, nil
	}
	for _, v := range spec.Volumes {
		if kind, _ := v.Cluster(); kind != "" {
			return nil, fmt.Errorf("volume %s: %s: %w", v, whyNoCluster, executor.ErrUnsupported)
		}
	}
	img := h.local(spec.Image)
	if img == nil {
		return nil, fmt.Errorf("image %q: %w", spec.Image, executor.ErrImageNotFound)
	}
	c := newContainer(cloneSpec(spec), img.ref)
	p := newProc(h, img, c)
	prog, err := img.program(p.Args, func(name string) string { v, _ := p.Getenv(name); return v })
	if err != nil {
		return nil, err
	}
	if p.UID, p.GID, err = img.user(spec.User); err != nil {
		return nil, err
	}
	h.makeVolumes(spec.Volumes)
	// Containers live in the host's time, not in that of the call.
	runCtx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	h.containers[spec.ID] = c
	p.workspace = h.makeWorkspace(spec.Workspace)
	if spec.Sandbox.ID != "" {
		h.sandboxes[spec.Sandbox.ID] = maps.Clone(spec.Sandbox.Labels)
	}
	if h.recording {
		h.executions = append(h.executions, Execution{ID: spec.ID, Image: img.ref, Labels: c.spec.Labels, At: time.Now()})
	}
	h.running.Go(func() { c.run(runCtx, prog, p) })
	return c, nil
}

// cloneSpec takes a copy that the caller cannot change any more.
func cloneSpec(s executor.Spec) executor.Spec {
	s.Entrypoint, s.Args = slices.Clone(s.Entrypoint), slices.Clone(s.Args)
	s.Env, s.Labels = maps.Clone(s.Env), maps.Clone(s.Labels)
	s.Stdin = slices.Clone(s.Stdin)
	s.Files, s.Volumes = slices.Clone(s.Files), slices.Clone(s.Volumes)
	s.Workspace.Labels = maps.Clone(s.Workspace.Labels)
	s.Sandbox.Labels, s.GPUs.IDs = maps.Clone(s.Sandbox.Labels), slices.Clone(s.GPUs.IDs)
	s.Devices, s.Tmpfs, s.ExtraHosts = slices.Clone(s.Devices), slices.Clone(s.Tmpfs), slices.Clone(s.ExtraHosts)
	s.CapAdd, s.CapDrop, s.DNS = slices.Clone(s.CapAdd), slices.Clone(s.CapDrop), slices.Clone(s.DNS)
	for i := range s.Files {
		s.Files[i].Data = slices.Clone(s.Files[i].Data)
	}
	s.Progress = nil
	return s
}

// Attach implements executor.Executor.
func (e *Executor) Attach(ctx context.Context, handle executor.Handle) (executor.Process, error) {
	fail := func(err error) (executor.Process, error) {
		return nil, fmt.Errorf("attach to container %s: %w", handle.ID, err)
	}
	e.host.mu.Lock()
	cont, closed := e.host.containers[handle.ID], e.host.closed
	e.host.mu.Unlock()
	var labels map[string]string
	if cont != nil {
		labels = cont.spec.Labels
	}
	c := e.host.begin(OpAttach, handle.ID, labels)
	if err := c.before(ctx); err != nil {
		return fail(err)
	}
	switch {
	case closed:
		return fail(executor.ErrUnreachable)
	case handle.Executor != Name:
		return fail(fmt.Errorf("it belongs to executor %q: %w", handle.Executor, executor.ErrNotFound))
	case cont == nil || cont.isGone():
		return fail(executor.ErrNotFound)
	}
	if err := c.after(ctx); err != nil {
		return fail(err)
	}
	return &process{host: e.host, c: cont}, nil
}

// Sweep implements executor.Executor.
func (e *Executor) Sweep(ctx context.Context, labels map[string]string) (int, error) {
	fail := func(n int, err error) (int, error) { return n, fmt.Errorf("sweep: %w", err) }
	if len(labels) == 0 {
		return fail(0, errors.New("no labels given, at least one is needed"))
	}
	c := e.host.begin(OpSweep, "", labels)
	if err := c.before(ctx); err != nil {
		return fail(0, err)
	}
	e.host.mu.Lock()
	var found []*container
	for _, cont := range e.host.containers {
		if cont.has(labels) {
			found = append(found, cont)
		}
	}
	closed := e.host.closed
	if !closed {
		maps.DeleteFunc(e.host.sandboxes, func(_ string, have map[string]string) bool { return covers(have, labels) })
		maps.DeleteFunc(e.host.workspaces, func(_ string, w workspace) bool { return covers(w.labels, labels) })
	}
	e.host.mu.Unlock()
	if closed {
		return fail(0, executor.ErrUnreachable)
	}
	n := 0
	for _, cont := range found {
		removed, err := e.host.remove(ctx, cont)
		if err != nil {
			return fail(n, err)
		}
		if removed {
			n++
		}
	}
	if err := c.after(ctx); err != nil {
		return fail(n, err)
	}
	return n, nil
}
