package docker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Probe asks the engine what it is; see executor.Executor.
func (e *Executor) Probe(ctx context.Context) (executor.Info, error) {
	ping, err := e.api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	if err != nil {
		return executor.Info{}, e.unavailable(ctx, err)
	}
	if ping.APIVersion == "" {
		return executor.Info{}, fmt.Errorf("what listens at %s is no %s engine: it names no API version: %w", e.host, e.flavour.title, executor.ErrUnreachable)
	}
	if ping.OSType != "" && ping.OSType != "linux" {
		return executor.Info{}, fmt.Errorf("%s at %s runs %s containers, kog needs Linux containers: %w", e.flavour.title, e.host, ping.OSType, executor.ErrUnsupported)
	}
	result, err := e.api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return executor.Info{}, e.unavailable(ctx, err)
	}
	info := result.Info
	e.nearby.learn(info)
	return executor.Info{
		Name:     e.flavour.name,
		Version:  fmt.Sprintf("%s (API %s, %s)", info.ServerVersion, e.api.ClientVersion(), e.host),
		Features: e.features(info),
	}, nil
}

// unavailable adds how to get the engine.
func (e *Executor) unavailable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	text := plain(err)
	if errdefs.IsInvalidArgument(err) && strings.Contains(text, "API version") {
		return fmt.Errorf("%s at %s speaks API versions that kog does not: %s: %w", e.flavour.title, e.host, text, executor.ErrUnsupported)
	}
	if strings.Contains(text, "permission denied while") {
		return fmt.Errorf("%s at %s: permission denied; its socket is for root and a group of users: %w", e.flavour.title, e.host, executor.ErrUnreachable)
	}
	return fmt.Errorf("%s at %s does not answer (%s); %s: %w", e.flavour.title, e.host, text, e.flavour.start, executor.ErrUnreachable)
}

func (e *Executor) features(info system.Info) map[executor.Feature]executor.Ability {
	yes := executor.Ability{OK: true}
	has := func(ok bool, why string) executor.Ability {
		if ok {
			return yes
		}
		return executor.Ability{Why: why}
	}
	features := map[executor.Feature]executor.Ability{
		executor.FeatureMemoryLimit:  has(info.MemoryLimit, "the engine's kernel or its rootless set-up has no memory control group"),
		executor.FeatureCPULimit:     has(info.CPUCfsQuota, "the engine's kernel or its rootless set-up has no cpu control group"),
		executor.FeatureSeccomp:      has(slices.ContainsFunc(info.SecurityOptions, func(s string) bool { return strings.Contains(s, "seccomp") }), "the engine runs without seccomp"),
		executor.FeatureOverlay:      has(strings.Contains(info.Driver, "overlay"), "the engine's storage driver is "+info.Driver),
		executor.FeatureNetworkRun:   has(e.builtin != nil, "this program has no built-in image to hold the network"),
		executor.FeatureGPUs:         yes,
		executor.FeatureUsers:        yes,
		executor.FeatureNetworkNone:  yes,
		executor.FeatureNetworkHost:  yes,
		executor.FeatureNetworkNamed: yes,
		executor.FeatureVolumes:      yes,
		executor.FeatureNamedVolumes: yes,
		executor.FeatureStdin:        yes,
		executor.FeatureSplitOutput:  yes,
		executor.FeaturePrivileged:   yes,
		executor.FeatureDevices:      yes,
		executor.FeatureCapabilities: yes,
		executor.FeatureReadOnly:     yes,
		executor.FeatureTmpfs:        yes,
		executor.FeatureShmSize:      yes,
		executor.FeatureExtraHosts:   yes,
		executor.FeatureDNS:          yes,
		executor.FeatureInit:         yes,
		executor.FeatureNamedUsers:   yes,
		executor.FeatureImageLookup:  yes,
		executor.FeatureEmptyLists:   yes,
	}
	for feature, why := range e.flavour.unsupported {
		features[feature] = executor.Ability{Why: why}
	}
	return features
}
