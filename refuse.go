package kog

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// wish is a setting of an action that an executor may be unable to honour.
type wish struct {
	key     string
	feature executor.Feature
	set     bool
}

// wishes are all settings that take an ability.
func wishes(s job.Settings) []wish {
	return []wish{
		{"user", executor.FeatureUsers, s.User != "" && !slices.Contains([]string{"0", "0:0", "root", "root:root"}, s.User)},
		{"user", executor.FeatureNamedUsers, isNamed(s.User)},
		{"entrypoint", executor.FeatureEmptyLists, s.Entrypoint != nil && len(s.Entrypoint) == 0},
		{"args", executor.FeatureEmptyLists, s.Args != nil && len(s.Args) == 0 && len(s.Entrypoint) == 0},
		{"memory", executor.FeatureMemoryLimit, s.Memory != 0},
		{"shm_size", executor.FeatureShmSize, s.ShmSize != 0},
		{"cpus", executor.FeatureCPULimit, s.CPUs != 0},
		{"gpus", executor.FeatureGPUs, !s.GPUs.None()},
		{"network", networkFeature(s.Network), s.Network != ""},
		{"privileged", executor.FeaturePrivileged, s.Privileged},
		{"read_only", executor.FeatureReadOnly, s.ReadOnly},
		{"init", executor.FeatureInit, s.Init},
		{"devices", executor.FeatureDevices, len(s.Devices) > 0},
		{"cap_add", executor.FeatureCapabilities, len(s.CapAdd) > 0},
		{"cap_drop", executor.FeatureCapabilities, len(s.CapDrop) > 0},
		{"tmpfs", executor.FeatureTmpfs, len(s.Tmpfs) > 0},
		{"extra_hosts", executor.FeatureExtraHosts, len(s.ExtraHosts) > 0},
		{"dns", executor.FeatureDNS, len(s.DNS) > 0},
	}
}

// isNamed reports whether a user, or its group, has a name other than root.
func isNamed(user string) bool {
	for part := range strings.SplitSeq(user, ":") {
		if _, err := strconv.ParseUint(part, 10, 32); err != nil && part != "" && part != "root" {
			return true
		}
	}
	return false
}

func networkFeature(name string) executor.Feature {
	switch name {
	case executor.NetworkHost:
		return executor.FeatureNetworkHost
	case executor.NetworkNone:
		return executor.FeatureNetworkNone
	case executor.NetworkRun:
		return executor.FeatureNetworkRun
	}
	return executor.FeatureNetworkNamed
}

func volumeFeature(v executor.Volume) executor.Feature {
	kind, _ := v.Cluster()
	switch {
	case kind != "":
		return executor.FeatureClusterVolumes
	case v.Bind():
		return executor.FeatureVolumes
	}
	return executor.FeatureNamedVolumes
}

// refuse says what a new run asks for and its executor cannot do. What the job
// asks for is a job.SyntaxErrors.
func (r *Runner) refuse(j *job.Job, info executor.Info) error {
	var asked []error
	if r.Network != executor.NetworkDefault {
		asked = append(asked, named("network "+r.Network, cannot(info, networkFeature(r.Network))))
	}
	if r.Workspace != 0 {
		asked = append(asked, named("workspace", cannot(info, executor.FeatureWorkspace)))
	}
	for _, v := range r.Volumes {
		asked = append(asked, named("volume "+v.String(), cannot(info, volumeFeature(v))))
	}
	if found := r.refuseSettings(j, info); len(found) > 0 {
		if errors.Join(asked...) == nil {
			return found
		}
		asked = append(asked, found)
	}
	return errors.Join(asked...)
}

// refuseSettings looks at the actions that steps run, in the order of the file.
func (r *Runner) refuseSettings(j *job.Job, info executor.Info) job.SyntaxErrors {
	var found job.SyntaxErrors
	for _, act := range usedActions(j) {
		told := map[string]bool{}
		tell := func(key string, err error) {
			if err != nil && !told[key] {
				told[key] = true
				found = append(found, j.Finding(act.Place(key), fmt.Errorf("action %q: %s: %w", act.Name, key, err)))
			}
		}
		for _, w := range wishes(act.Settings) {
			if w.set {
				tell(w.key, cannot(info, w.feature))
			}
		}
		if r.Network == executor.NetworkRun && act.Network == "" {
			if len(act.DNS) > 0 {
				tell("dns", errShared)
			}
			if len(act.ExtraHosts) > 0 {
				tell("extra_hosts", errShared)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b *job.SyntaxError) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return found
}

var errShared = errors.New("with network run, all containers of the run share their names and name servers: " +
	"leave the key out, or give the action a network of its own")

func usedActions(j *job.Job) []*job.Action {
	var used []*job.Action
	seen := map[string]bool{}
	for _, wf := range j.Workflows {
		for _, step := range wf.Steps {
			if act := j.Actions[step.Action]; act != nil && !seen[step.Action] {
				seen[step.Action] = true
				used = append(used, act)
			}
		}
	}
	slices.SortFunc(used, func(a, b *job.Action) int { return cmp.Compare(a.Name, b.Name) })
	return used
}

// cannot says why an executor lacks an ability, nil when it has it.
func cannot(info executor.Info, f executor.Feature) error {
	ability := info.Features[f]
	switch {
	case ability.OK:
		return nil
	case ability.Why == "":
		return fmt.Errorf("executor %s cannot do that: %w", info.Name, executor.ErrUnsupported)
	}
	return fmt.Errorf("executor %s cannot do that here: %s: %w", info.Name, ability.Why, executor.ErrUnsupported)
}

func named(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
