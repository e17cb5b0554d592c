package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Probe asks the API server for its version; see executor.Executor.
func (e *Executor) Probe(ctx context.Context) (executor.Info, error) {
	version, err := e.version(ctx)
	if err != nil {
		return executor.Info{}, err
	}
	info := executor.Info{Name: Name, Version: version.GitVersion, Features: abilities()}
	split, err := e.splits(ctx)
	var right *rightError
	switch {
	case errors.As(err, &right):
	case err != nil:
		return executor.Info{}, err
	}
	ability := executor.Ability{OK: split}
	if !split {
		ability.Why = "the cluster gives both streams as one: it needs Kubernetes 1.32 and the feature gate PodLogsQuerySplitStreams"
	}
	info.Features[executor.FeatureSplitOutput] = ability
	return info, nil
}

type serverVersion struct {
	Major      string `json:"major"`
	Minor      string `json:"minor"`
	GitVersion string `json:"gitVersion"`
}

// atLeast: a minor version may have a plus sign behind it.
func (v serverVersion) atLeast(major, minor int) bool {
	var gotMajor, gotMinor int
	_, err := fmt.Sscanf(v.Major+"."+strings.TrimRight(v.Minor, "+"), "%d.%d", &gotMajor, &gotMinor)
	return err == nil && (gotMajor > major || gotMajor == major && gotMinor >= minor)
}

func (e *Executor) version(ctx context.Context) (serverVersion, error) {
	var v serverVersion
	data, err := e.core.Get().AbsPath("/version").Do(ctx).Raw()
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	if err != nil {
		err = e.translate(ctx, call{"get", "version"}, err)
		return v, fmt.Errorf("kubernetes: %w", err)
	}
	return v, nil
}

// abilities are those of every cluster.
func abilities() map[executor.Feature]executor.Ability {
	yes := executor.Ability{OK: true}
	no := func(why string) executor.Ability { return executor.Ability{Why: why} }
	return map[executor.Feature]executor.Ability{
		executor.FeatureMemoryLimit:  yes,
		executor.FeatureCPULimit:     yes,
		executor.FeatureUsers:        yes,
		executor.FeatureNetworkHost:  yes,
		executor.FeatureVolumes:      {OK: true, Why: "host paths are those of the node that the pod comes to"},
		executor.FeatureNamedVolumes: {OK: true, Why: "the name is that of a PersistentVolumeClaim"},
		executor.FeatureGPUs:         {OK: true, Why: "a number of them, where the nodes offer " + gpuResource + "; for others use kubernetes.resources"},
		executor.FeaturePrivileged:   yes,
		executor.FeatureCapabilities: yes,
		executor.FeatureReadOnly:     yes,
		executor.FeatureTmpfs:        {OK: true, Why: "of the options, size, mode=1777 and ro"},
		executor.FeatureShmSize:      yes,
		executor.FeatureExtraHosts:   yes,
		executor.FeatureDNS:          yes,
		executor.FeatureInit:         yes,
		executor.FeatureOverlay:      yes,

		executor.FeatureClusterVolumes: yes,
		executor.FeatureWorkspace:      yes,

		executor.FeatureSeccomp:      no("the cluster decides; ask for a profile with kubernetes.securityContext.seccompProfile"),
		executor.FeatureNetworkNone:  no("every pod has a network; a NetworkPolicy can close it"),
		executor.FeatureNetworkRun:   no("each step is a pod with a network of its own"),
		executor.FeatureNetworkNamed: no("there are no networks with names; annotations in the kubernetes block are how network plugins are spoken to"),
		executor.FeatureDevices:      no("use a device plugin and kubernetes.resources, or privileged and a host path"),
		executor.FeatureStdin:        no("the context comes in the environment and as a file"),
		executor.FeatureNamedUsers:   no("Kubernetes takes numbers only; write the user's id"),
		executor.FeatureImageLookup:  no("the node looks at the image when it starts the container"),
		executor.FeatureEmptyLists:   no("Kubernetes takes an empty list for none; name the program in entrypoint"),
	}
}

// rights are what a user needs in the namespace, in the order of a step's life.
// docs/kubernetes.md has them as a Role.
var rights = []call{
	{"create", "secrets"},
	{"list", "secrets"},
	{"patch", "secrets"},
	{"delete", "secrets"},
	{"deletecollection", "secrets"},
	{"create", "jobs"},
	{"get", "jobs"},
	{"list", "jobs"},
	{"patch", "jobs"},
	{"delete", "jobs"},
	{"list", "pods"},
	{"watch", "pods"},
	{"patch", "pods"},
	{"delete", "pods"},
	{"get", "pods/log"},
}

// wishes are rights without which something is missing, and what.
var wishes = map[call]string{
	{"list", "events"}:                   "what a pod waits for is told less well",
	{"create", "persistentvolumeclaims"}: "there can be no workspace",
	{"list", "persistentvolumeclaims"}:   "there can be no workspace",
	{"delete", "persistentvolumeclaims"}: "there can be no workspace",
}

// Missing says which rights the user of the context lacks: those that every run
// needs, and those without which something is missing.
func (e *Executor) Missing(ctx context.Context) (needed, useful []string, err error) {
	asked := append([]call(nil), rights...)
	for c := range wishes {
		asked = append(asked, c)
	}
	allowed := make([]bool, len(asked))
	all, allCtx := errgroup.WithContext(ctx)
	for i, c := range asked {
		all.Go(func() (err error) {
			allowed[i], err = e.may(allCtx, c)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return nil, nil, err
	}
	for i, c := range asked {
		if allowed[i] {
			continue
		}
		lack := fmt.Sprintf("cannot %s %s in namespace %s", c.verb, c.resource, e.namespace)
		if why, ok := wishes[c]; ok {
			useful = append(useful, lack+": "+why)
		} else {
			needed = append(needed, lack)
		}
	}
	return needed, useful, nil
}

// may asks the server about one right.
func (e *Executor) may(ctx context.Context, c call) (bool, error) {
	resource, sub, _ := strings.Cut(c.resource, "/")
	group := ""
	if resource == "jobs" {
		group = "batch"
	}
	body, err := json.Marshal(authorizationv1.SelfSubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: authorizationv1.SchemeGroupVersion.String(), Kind: "SelfSubjectAccessReview"},
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: e.namespace, Verb: c.verb, Group: group, Resource: resource, Subresource: sub,
		}},
	})
	if err != nil {
		return false, err
	}
	data, err := e.core.Post().AbsPath("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews").
		SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Raw()
	if err != nil {
		return false, e.translate(ctx, call{"create", "selfsubjectaccessreviews"}, err)
	}
	var review authorizationv1.SelfSubjectAccessReview
	if err := json.Unmarshal(data, &review); err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}
