package kog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/internal/engine"
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

// refusals are what a new run asks for and its executor cannot do.
type refusals struct {
	job   *job.Job
	asked []error // by the Runner, or with no place in the job
	found job.SyntaxErrors
	// told are the settings with a finding, by action and key.
	told map[string]map[string]bool
}

// tell adds a finding about a setting of an action.
func (f *refusals) tell(act *job.Action, key string, err error) {
	f.found = append(f.found, f.job.Finding(act.Place(key), fmt.Errorf("action %q: %s: %w", act.Name, key, err)))
}

// err is all of it at once: the findings alone are a job.SyntaxErrors.
func (f *refusals) err() error {
	slices.SortStableFunc(f.found, func(a, b *job.SyntaxError) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	switch asked := errors.Join(f.asked...); {
	case len(f.found) == 0:
		return asked
	case asked == nil:
		return f.found
	default:
		return errors.Join(asked, f.found)
	}
}

// plan is a run before it exists.
type plan struct {
	cfg     engine.Config
	id      string
	opening event.RunStarted
}

// refuse says what a new run asks for and its executor cannot do. What the job
// asks for is a job.SyntaxErrors.
func (r *Runner) refuse(ctx context.Context, info executor.Info, p plan) error {
	f := &refusals{job: p.cfg.Job, told: map[string]map[string]bool{}}
	r.refuseRequests(f, info)
	used := usedActions(p.cfg.Job)
	for _, u := range used {
		r.refuseSettings(f, info, u.act)
	}
	if rehearser, ok := r.Executor.(executor.Rehearser); ok {
		if err := f.rehearse(ctx, rehearser, p, used); err != nil {
			return err
		}
	}
	return f.err()
}

// refuseRequests looks at what the Runner asks for.
func (r *Runner) refuseRequests(f *refusals, info executor.Info) {
	ask := func(what string, feature executor.Feature) {
		if err := cannot(info, feature); err != nil {
			f.asked = append(f.asked, fmt.Errorf("%s: %w", what, err))
		}
	}
	if r.Network != executor.NetworkDefault {
		ask("network "+r.Network, networkFeature(r.Network))
	}
	if r.Workspace != 0 {
		ask("workspace", executor.FeatureWorkspace)
	}
	for _, v := range r.Volumes {
		ask("volume "+v.String(), volumeFeature(v))
	}
}

// refuseSettings looks at the settings of an action.
func (r *Runner) refuseSettings(f *refusals, info executor.Info, act *job.Action) {
	told := map[string]bool{}
	f.told[act.Name] = told
	tell := func(key string, err error) {
		if err != nil && !told[key] {
			told[key] = true
			f.tell(act, key, err)
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

var errShared = errors.New("with network run, all containers of the run share their names and name servers: " +
	"leave the key out, or give the action a network of its own")

// use is an action with a step that runs it.
type use struct {
	act *job.Action
	at  job.Cursor
}

// usedActions are the actions that steps run, by name, each with the first of
// those steps.
func usedActions(j *job.Job) []use {
	var used []use
	seen := map[string]bool{}
	for _, workflow := range slices.Sorted(maps.Keys(j.Workflows)) {
		steps := j.Workflows[workflow].Steps
		for _, name := range slices.Sorted(maps.Keys(steps)) {
			if act := j.Actions[steps[name].Action]; act != nil && !seen[act.Name] {
				seen[act.Name] = true
				used = append(used, use{act, job.Cursor{Workflow: workflow, Step: name}})
			}
		}
	}
	slices.SortFunc(used, func(a, b use) int { return cmp.Compare(a.act.Name, b.act.Name) })
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
