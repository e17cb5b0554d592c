package docker

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Labels of this executor, besides those of the spec.
const (
	// labelRole marks what kog made, and says what for.
	labelRole = "io.kog.role"
	// labelFiles names, on that container, its holder of files, if it has one.
	labelFiles = "io.kog.files"

	roleStep    = "step"
	roleFiles   = "files"
	roleSandbox = "sandbox"
)

// blueprint is what a container needs besides its spec.
type blueprint struct {
	network string
	files   holder
	life    *lifeline // nil for none
}

// createOptions turns a spec into what the engine is asked for.
func (e *Executor) createOptions(spec executor.Spec, b blueprint) (client.ContainerCreateOptions, error) {
	host, err := e.hostConfig(spec, b)
	if err != nil {
		return client.ContainerCreateOptions{}, err
	}
	platform, err := parsePlatform(e.platform)
	if err != nil {
		return client.ContainerCreateOptions{}, err
	}
	return client.ContainerCreateOptions{
		Name: spec.ID, Config: e.config(spec, b), HostConfig: host, Platform: platform,
	}, nil
}

func (e *Executor) config(spec executor.Spec, b blueprint) *container.Config {
	c := &container.Config{
		Image:      spec.Image,
		Entrypoint: spec.Entrypoint,
		Cmd:        spec.Args,
		Env:        environ(spec.Env),
		User:       spec.User,
		WorkingDir: spec.WorkingDir,
		Labels:     with(spec.Labels, labelRole, roleStep, labelFiles, b.files.name),
		// A step is no service: nobody asks for its health.
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}
	if len(spec.Stdin) > 0 {
		c.OpenStdin, c.StdinOnce, c.AttachStdin = true, true, true
	}
	for _, v := range spec.Volumes {
		if v.Source == "" {
			if c.Volumes == nil {
				c.Volumes = map[string]struct{}{}
			}
			c.Volumes[v.Target] = struct{}{}
		}
	}
	return c
}

func (e *Executor) hostConfig(spec executor.Spec, b blueprint) (*container.HostConfig, error) {
	h := &container.HostConfig{
		LogConfig:      e.flavour.logs,
		NetworkMode:    container.NetworkMode(b.network),
		Binds:          e.binds(spec.Volumes),
		Mounts:         b.files.mounts(),
		Privileged:     spec.Privileged,
		CapAdd:         spec.CapAdd,
		CapDrop:        spec.CapDrop,
		ReadonlyRootfs: spec.ReadOnly,
		ShmSize:        spec.ShmSize,
	}
	h.Memory, h.MemorySwap = spec.Memory, spec.Memory // equal: no swap besides
	h.NanoCPUs = int64(spec.CPUs * 1e9)
	for _, m := range spec.Tmpfs {
		if h.Tmpfs == nil {
			h.Tmpfs = map[string]string{}
		}
		h.Tmpfs[m.Target] = strings.Trim(m.Options+","+e.flavour.tmpfs, ",")
	}
	for _, d := range spec.Devices {
		h.Devices = append(h.Devices, container.DeviceMapping{
			PathOnHost: d.Source, PathInContainer: d.Target, CgroupPermissions: d.Permissions,
		})
	}
	if !spec.GPUs.None() {
		h.DeviceRequests = []container.DeviceRequest{{
			Count: spec.GPUs.Count, DeviceIDs: spec.GPUs.IDs, Capabilities: [][]string{{"gpu"}},
		}}
	}
	for _, x := range spec.ExtraHosts {
		h.ExtraHosts = append(h.ExtraHosts, x.Name+":"+x.IP)
	}
	for _, server := range spec.DNS {
		addr, err := netip.ParseAddr(server)
		if err != nil {
			return nil, fmt.Errorf("dns server %q: %w", server, err)
		}
		h.DNS = append(h.DNS, addr)
	}
	if spec.Init {
		h.Init = &spec.Init
	}
	return h, nil
}

// binds are the volumes that have a source, in the syntax of the engine.
func (e *Executor) binds(volumes []executor.Volume) []string {
	var out []string
	for _, v := range volumes {
		if v.Source == "" {
			continue
		}
		v.Options = slices.DeleteFunc(slices.Clone(v.Options), func(o string) bool {
			return slices.Contains(e.flavour.ignored, o)
		})
		out = append(out, v.String())
	}
	return out
}

// with adds labels, name and value in turn.
func with(labels map[string]string, more ...string) map[string]string {
	all := make(map[string]string, len(labels)+len(more)/2)
	maps.Copy(all, labels)
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

// environ gives variables in a fixed order.
func environ(env map[string]string) []string {
	out := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, name+"="+env[name])
	}
	return out
}

// bind mounts one file or folder read-only.
func bind(source, target string) mount.Mount {
	return mount.Mount{Type: mount.TypeBind, Source: source, Target: target, ReadOnly: true}
}
