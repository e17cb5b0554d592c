package kube

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// containerName is the container of a pod that counts.
const containerName = "step"

// keepFor is how long an ended Job stays when nobody deletes it.
const keepFor = 24 * time.Hour

// defaultGrace is what a pod has when Spec.Grace is zero: that of Kubernetes.
const defaultGrace = 30 * time.Second

// gpuResource is what the device plugins of the widest-spread cards offer.
const gpuResource = "nvidia.com/gpu"

// newJob makes the Job of a spec whose secret data is in a parcel.
func (e *Executor) newJob(spec executor.Spec, p *parcel) (*batchv1.Job, error) {
	if err := refuse(spec); err != nil {
		return nil, err
	}
	template, err := e.template(spec, p)
	if err != nil {
		return nil, err
	}
	var one, none int32 = 1, 0
	keep, replace := int32(keepFor.Seconds()), batchv1.Failed
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Name: spec.ID, Labels: labels(spec.Labels, roleStep, spec.ID), Annotations: annotations(spec.Labels),
		},
		Spec: batchv1.JobSpec{
			Parallelism: &one, Completions: &one, BackoffLimit: &none, TTLSecondsAfterFinished: &keep,
			PodReplacementPolicy: &replace, Template: *template,
			// Lost nodes and evictions are told from what the step did, and never
			// answered with another pod.
			PodFailurePolicy: &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
				Action: batchv1.PodFailurePolicyActionFailJob,
				OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{
					{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue},
				},
			}}},
		},
	}
	if spec.Limit > 0 {
		limit := seconds(spec.Limit)
		job.Spec.ActiveDeadlineSeconds = &limit
	}
	return job, nil
}

// refuse says what this executor cannot do.
func refuse(spec executor.Spec) error {
	abilities := abilities()
	for _, asked := range []struct {
		set     bool
		what    string
		feature executor.Feature
	}{
		{spec.Network == executor.NetworkNone, "network none", executor.FeatureNetworkNone},
		{spec.Network == executor.NetworkRun, "network run", executor.FeatureNetworkRun},
		{isNamedNetwork(spec.Network), "network " + spec.Network, executor.FeatureNetworkNamed},
		{len(spec.Stdin) > 0, "stdin", executor.FeatureStdin},
		{len(spec.Devices) > 0, "devices", executor.FeatureDevices},
		{spec.GPUs.Count < 0 || len(spec.GPUs.IDs) > 0, "gpus of certain IDs, or all", executor.FeatureGPUs},
		{hasEmptyList(spec), "entrypoint or args without an entry", executor.FeatureEmptyLists},
	} {
		if asked.set {
			return fmt.Errorf("%s: %s: %w", asked.what, abilities[asked.feature].Why, executor.ErrUnsupported)
		}
	}
	for _, h := range spec.ExtraHosts {
		if h.IP == executor.HostGateway {
			return fmt.Errorf("extra host %s: a pod cannot be given the address of its node by the word %s: %w", h.Name, h.IP, executor.ErrUnsupported)
		}
	}
	for _, arg := range slices.Concat(spec.Entrypoint, spec.Args) {
		if !utf8.ValidString(arg) {
			return fmt.Errorf("an argument is not UTF-8, which Kubernetes cannot pass on: %w", executor.ErrUnsupported)
		}
	}
	return nil
}

func isNamedNetwork(s string) bool {
	return !slices.Contains([]string{executor.NetworkDefault, executor.NetworkHost, executor.NetworkNone, executor.NetworkRun}, s)
}

func hasEmptyList(spec executor.Spec) bool {
	return spec.Entrypoint != nil && len(spec.Entrypoint) == 0 ||
		spec.Entrypoint == nil && spec.Args != nil && len(spec.Args) == 0
}

func (e *Executor) template(spec executor.Spec, p *parcel) (*corev1.PodTemplateSpec, error) {
	container, err := newContainer(spec, p)
	if err != nil {
		return nil, err
	}
	var m mounts
	m.addVolumes(spec.Volumes)
	if spec.Workspace.ID != "" {
		m.add(claimSource(spec.Workspace.ID), corev1.VolumeMount{MountPath: spec.Workspace.Target})
	}
	if err := m.addTmpfs(spec); err != nil {
		return nil, err
	}
	image := e.joinImage
	if image == "" {
		image = spec.Image
	}
	join := m.addFiles(spec.Files, p.files, image)
	container.VolumeMounts = m.mounts

	no, grace := false, defaultGrace
	if spec.Grace > 0 {
		grace = spec.Grace
	}
	graceSeconds := seconds(grace)
	pod := corev1.PodSpec{
		Containers: []corev1.Container{*container}, Volumes: m.volumes,
		RestartPolicy: corev1.RestartPolicyNever, TerminationGracePeriodSeconds: &graceSeconds,
		AutomountServiceAccountToken: &no, EnableServiceLinks: &no,
	}
	if join != nil {
		pod.InitContainers = []corev1.Container{*join}
	}
	if spec.Init {
		yes := true
		pod.ShareProcessNamespace = &yes // the pod's own process 1 reaps what is left
	}
	setNetwork(&pod, spec)
	template := &corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels(spec.Labels, roleStep, spec.ID), Annotations: annotations(spec.Labels)},
		Spec:       pod,
	}
	return applyBlock(template, spec.Kubernetes)
}

func setNetwork(pod *corev1.PodSpec, spec executor.Spec) {
	if spec.Network == executor.NetworkHost {
		pod.HostNetwork = true
		pod.DNSPolicy = corev1.DNSClusterFirstWithHostNet
	}
	if len(spec.DNS) > 0 {
		pod.DNSPolicy, pod.DNSConfig = corev1.DNSNone, &corev1.PodDNSConfig{Nameservers: spec.DNS}
	}
	for _, h := range spec.ExtraHosts {
		pod.HostAliases = append(pod.HostAliases, corev1.HostAlias{IP: h.IP, Hostnames: []string{h.Name}})
	}
}

func newContainer(spec executor.Spec, p *parcel) (*corev1.Container, error) {
	security, err := newSecurity(spec)
	if err != nil {
		return nil, err
	}
	c := &corev1.Container{
		Name: containerName, Image: spec.Image, ImagePullPolicy: pullPolicy(spec.Pull),
		Command: verbatim(spec.Entrypoint), Args: verbatim(spec.Args), WorkingDir: spec.WorkingDir,
		SecurityContext: security, Resources: newResources(spec),
	}
	for _, name := range slices.Sorted(maps.Keys(p.env)) {
		c.Env = append(c.Env, corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: p.env[name].secret}, Key: p.env[name].key,
		}}})
	}
	return c, nil
}

// pullPolicy: PullAuto leaves it to the cluster, which asks for tags that are
// "latest" each time and for others once.
func pullPolicy(p executor.PullPolicy) corev1.PullPolicy {
	return map[executor.PullPolicy]corev1.PullPolicy{
		executor.PullAlways: corev1.PullAlways, executor.PullMissing: corev1.PullIfNotPresent, executor.PullNever: corev1.PullNever,
	}[p]
}

// verbatim keeps the cluster from putting variables into words.
func verbatim(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.ReplaceAll(w, "$", "$$")
	}
	return out
}

func newResources(spec executor.Spec) corev1.ResourceRequirements {
	limits := corev1.ResourceList{}
	if spec.Memory > 0 {
		limits[corev1.ResourceMemory] = *resource.NewQuantity(spec.Memory, resource.BinarySI)
	}
	if spec.CPUs > 0 {
		limits[corev1.ResourceCPU] = *resource.NewMilliQuantity(int64(math.Ceil(spec.CPUs*1000)), resource.DecimalSI)
	}
	if spec.GPUs.Count > 0 {
		limits[gpuResource] = *resource.NewQuantity(int64(spec.GPUs.Count), resource.DecimalSI)
	}
	if len(limits) == 0 {
		return corev1.ResourceRequirements{}
	}
	return corev1.ResourceRequirements{Limits: limits}
}

func newSecurity(spec executor.Spec) (*corev1.SecurityContext, error) {
	s := &corev1.SecurityContext{}
	if spec.Privileged {
		s.Privileged = &spec.Privileged
	}
	if spec.ReadOnly {
		s.ReadOnlyRootFilesystem = &spec.ReadOnly
	}
	if len(spec.CapAdd)+len(spec.CapDrop) > 0 {
		s.Capabilities = &corev1.Capabilities{}
		for _, c := range spec.CapAdd {
			s.Capabilities.Add = append(s.Capabilities.Add, corev1.Capability(c))
		}
		for _, c := range spec.CapDrop {
			if !slices.Contains(spec.CapAdd, c) {
				s.Capabilities.Drop = append(s.Capabilities.Drop, corev1.Capability(c))
			}
		}
	}
	var err error
	s.RunAsUser, s.RunAsGroup, err = userIDs(spec.User)
	return s, err
}

// userIDs reads "uid" and "uid:gid", and the name of root.
func userIDs(user string) (uid, gid *int64, err error) {
	if user == "" {
		return nil, nil, nil
	}
	name, group, hasGroup := strings.Cut(user, ":")
	if uid, err = id(name); err == nil && hasGroup {
		gid, err = id(group)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("user %s: %w", user, err)
	}
	return uid, gid, nil
}

func id(s string) (*int64, error) {
	if s == "root" {
		return new(int64), nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("%s: %w", abilities()[executor.FeatureNamedUsers].Why, executor.ErrUnsupported)
	}
	return &n, nil
}
