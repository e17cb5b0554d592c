package engine

import (
	"maps"
	"slices"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// SandboxID names what the containers of a run share.
func SandboxID(runID string) string { return "kog-" + runID + "-sandbox" }

// WorkspaceTarget is where containers find the volume that a run has for itself.
const WorkspaceTarget = "/workspace"

// WorkspaceID names the volume that a run has for itself.
func WorkspaceID(runID string) string { return "kog-" + runID + "-workspace" }

// apply puts the settings of an action into a spec that has everything else.
// What the spec has already stays, apart from the network.
func (v visit) apply(set job.Settings, spec *executor.Spec) {
	spec.Entrypoint, spec.Args = slices.Clone(set.Entrypoint), slices.Clone(set.Args)
	spec.User, spec.WorkingDir = set.User, set.WorkingDir
	spec.Memory, spec.ShmSize, spec.CPUs = set.Memory, set.ShmSize, set.CPUs
	spec.GPUs = executor.GPUs{Count: set.GPUs.Count, IDs: slices.Clone(set.GPUs.IDs)}
	spec.Privileged, spec.ReadOnly, spec.Init = set.Privileged, set.ReadOnly, set.Init
	for _, d := range set.Devices {
		spec.Devices = append(spec.Devices, executor.Device(d))
	}
	spec.CapAdd, spec.CapDrop = slices.Clone(set.CapAdd), slices.Clone(set.CapDrop)
	for _, m := range set.Tmpfs {
		spec.Tmpfs = append(spec.Tmpfs, executor.Tmpfs(m))
	}
	for _, h := range set.ExtraHosts {
		spec.ExtraHosts = append(spec.ExtraHosts, executor.ExtraHost(h))
	}
	spec.DNS = slices.Clone(set.DNS)
	if set.Network != "" {
		spec.Network = set.Network
	}
	spec.Kubernetes, _ = cloneValue(map[string]any(set.Kubernetes)).(map[string]any)
	labels := maps.Clone(set.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, spec.Labels)
	spec.Labels = labels
}

// cloneValue copies a value of a context with all its parts.
func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if v == nil {
			return v
		}
		out := make(map[string]any, len(v))
		for key, part := range v {
			out[key] = cloneValue(part)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, part := range v {
			out[i] = cloneValue(part)
		}
		return out
	}
	return v
}
