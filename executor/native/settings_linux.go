//go:build cgo

package native

import (
	"fmt"
	"maps"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// settingAbilities says which settings of a container can be honoured here,
// besides limits, users and what Probe has to try.
func (e *Executor) settingAbilities() map[executor.Feature]executor.Ability {
	yes := executor.Ability{OK: true}
	no := func(why string) executor.Ability { return executor.Ability{Why: why} }
	abilities := map[executor.Feature]executor.Ability{
		executor.FeatureNetworkRun:   no("containers have the host's network or none; network host shares it too, or use the docker executor"),
		executor.FeatureNetworkNamed: no("there are no networks with names here; use host or none, or the docker executor"),
		executor.FeatureNamedVolumes: no("only host paths can be mounted; give one, or use the docker executor"),
		executor.FeatureGPUs:         no("drivers cannot be put into a container; use the docker executor"),
		executor.FeatureInit:         no("there is no init process here; have one in the image, or use the docker executor"),
		executor.FeatureWorkspace:    no("no volume is made for a run; mount a folder of the host"),
		executor.FeaturePrivileged:   yes,
		executor.FeatureDevices:      yes,
		executor.FeatureCapabilities: yes,
		executor.FeatureReadOnly:     yes,
		executor.FeatureTmpfs:        yes,
		executor.FeatureShmSize:      yes,
		executor.FeatureExtraHosts:   yes,
		executor.FeatureDNS:          yes,
		executor.FeatureNamedUsers:   yes,
		executor.FeatureImageLookup:  yes,
		executor.FeatureEmptyLists:   yes,

		executor.FeatureClusterVolumes: no("only Kubernetes has these; mount a file or a folder of the host, or use the k8s executor"),
	}
	if e.rootless {
		maps.Copy(abilities, map[executor.Feature]executor.Ability{
			executor.FeaturePrivileged:   no("it lifts the isolation from this machine, which root can do only; run kog as root"),
			executor.FeatureDevices:      {OK: true, Why: "without root, only devices that you may use yourself, with permissions rw or rwm"},
			executor.FeatureCapabilities: {OK: true, Why: "without root, they count for what belongs to the container only"},
		})
	}
	return abilities
}

// checkSettings refuses settings that cannot be honoured.
func (e *Executor) checkSettings(spec executor.Spec) error {
	abilities := e.settingAbilities()
	for _, s := range []struct {
		asked   bool
		what    string
		feature executor.Feature
	}{
		{spec.Network == executor.NetworkRun, "network run", executor.FeatureNetworkRun},
		{isNamedNetwork(spec.Network), "network " + spec.Network, executor.FeatureNetworkNamed},
		{!spec.GPUs.None(), "gpus", executor.FeatureGPUs},
		{spec.Init, "init", executor.FeatureInit},
		{spec.Privileged, "privileged", executor.FeaturePrivileged},
		{spec.Workspace.ID != "", "workspace", executor.FeatureWorkspace},
	} {
		if a := abilities[s.feature]; s.asked && !a.OK {
			return fmt.Errorf("%s: %s: %w", s.what, a.Why, executor.ErrUnsupported)
		}
	}
	for _, h := range spec.ExtraHosts {
		if h.IP == executor.HostGateway && spec.Network == executor.NetworkNone {
			return fmt.Errorf("extra host %s: with network none there is no way to the host: %w", h.Name, executor.ErrUnsupported)
		}
	}
	return e.checkTmpfs(spec.Tmpfs)
}

func isNamedNetwork(name string) bool {
	switch name {
	case executor.NetworkDefault, executor.NetworkHost, executor.NetworkNone, executor.NetworkRun:
		return false
	}
	return true
}
