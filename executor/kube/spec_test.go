package kube

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

func jobOf(t *testing.T, spec executor.Spec) *batchv1.Job {
	t.Helper()
	job, _ := jobAndParcel(t, spec)
	return job
}

func jobAndParcel(t *testing.T, spec executor.Spec) (*batchv1.Job, *parcel) {
	t.Helper()
	spec.ID, spec.Image = "a", "img"
	p, err := pack(spec)
	if err != nil {
		t.Fatal(err)
	}
	job, err := new(Executor).newJob(spec, p)
	if err != nil {
		t.Fatal(err)
	}
	return job, p
}

func TestJobIsNeverExecutedTwice(t *testing.T) {
	s := jobOf(t, executor.Spec{Limit: 90 * time.Second, Grace: 1500 * time.Millisecond}).Spec
	if *s.BackoffLimit != 0 || *s.Parallelism != 1 || *s.Completions != 1 || s.Template.Spec.RestartPolicy != corev1.RestartPolicyNever {
		t.Errorf("got %+v", s)
	}
	rule := s.PodFailurePolicy.Rules[0]
	if rule.Action != batchv1.PodFailurePolicyActionFailJob || rule.OnPodConditions[0].Type != corev1.DisruptionTarget {
		t.Errorf("an eviction is answered by %+v", rule)
	}
	if *s.ActiveDeadlineSeconds != 90 || *s.Template.Spec.TerminationGracePeriodSeconds != 2 {
		t.Errorf("deadline %d, grace %d", *s.ActiveDeadlineSeconds, *s.Template.Spec.TerminationGracePeriodSeconds)
	}
	s = jobOf(t, executor.Spec{}).Spec
	if s.ActiveDeadlineSeconds != nil || *s.Template.Spec.TerminationGracePeriodSeconds != 30 {
		t.Errorf("got %+v without limit and grace", s)
	}
	if *s.Template.Spec.AutomountServiceAccountToken || *s.Template.Spec.EnableServiceLinks {
		t.Error("the container gets more than it was given")
	}
}

// TestNoSecretDataInJobs: values and files are in Secrets only.
func TestNoSecretDataInJobs(t *testing.T) {
	job, p := jobAndParcel(t, executor.Spec{
		Env:   map[string]string{"TOKEN": "hunter2"},
		Files: []executor.File{{Path: "/f", Data: []byte("hunter2")}, {Path: "/big", Data: []byte(strings.Repeat("hunter2", secretSize/6))}},
	})
	text, err := job.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "hunter2") {
		t.Error("the Job holds a secret value")
	}
	used := secretsOf(job)
	for _, s := range p.secrets {
		if !used[s.Name] {
			t.Errorf("no one reads Secret %s", s.Name)
		}
	}
	if len(p.secrets) < 2 || len(used) != len(p.secrets) {
		t.Errorf("uses %v", used)
	}
	if init := job.Spec.Template.Spec.InitContainers; len(init) != 1 || init[0].Name != joinName || init[0].Image != "img" {
		t.Errorf("init containers %+v", init)
	}
}

func TestWordsAreVerbatim(t *testing.T) {
	c := jobOf(t, executor.Spec{Entrypoint: []string{"echo", "$(HOME) $$ $"}, Args: []string{"$x"}}).Spec.Template.Spec.Containers[0]
	if !slices.Equal(c.Command, []string{"echo", "$$(HOME) $$$$ $$"}) || !slices.Equal(c.Args, []string{"$$x"}) {
		t.Errorf("%q %q", c.Command, c.Args)
	}
}

func TestLimits(t *testing.T) {
	for cpus, want := range map[float64]string{0.07: "70m", 2: "2", 0.0001: "1m", 1.009: "1009m", 8.2: "8200m"} {
		c := jobOf(t, executor.Spec{CPUs: cpus}).Spec.Template.Spec.Containers[0]
		if got := c.Resources.Limits.Cpu().String(); got != want {
			t.Errorf("%v processors: got %s, want %s", cpus, got, want)
		}
	}
	c := jobOf(t, executor.Spec{Memory: 64 << 20, GPUs: executor.GPUs{Count: 2}}).Spec.Template.Spec.Containers[0]
	gpus := c.Resources.Limits[gpuResource]
	if got := c.Resources.Limits.Memory().String(); got != "64Mi" || gpus.String() != "2" {
		t.Errorf("memory %s, gpus %s", got, gpus.String())
	}
	if r := jobOf(t, executor.Spec{}).Spec.Template.Spec.Containers[0].Resources; r.Limits != nil {
		t.Errorf("limits %v without being asked", r.Limits)
	}
}

func TestUsers(t *testing.T) {
	number := func(n int64) *int64 { return &n }
	for _, test := range []struct {
		user     string
		uid, gid *int64
		fails    bool
	}{
		{user: ""},
		{user: "7", uid: number(7)},
		{user: "7:8", uid: number(7), gid: number(8)},
		{user: "root:root", uid: number(0), gid: number(0)},
		{user: "nobody", fails: true},
		{user: "7:wheel", fails: true},
		{user: "7:", fails: true},
		{user: "-1", fails: true},
	} {
		uid, gid, err := userIDs(test.user)
		if (err != nil) != test.fails || err != nil && !errors.Is(err, executor.ErrUnsupported) {
			t.Errorf("%s: %v", test.user, err)
			continue
		}
		if err == nil && (!same(uid, test.uid) || !same(gid, test.gid)) {
			t.Errorf("%s: got %v, %v", test.user, uid, gid)
		}
	}
}

func same(a, b *int64) bool { return a == b || a != nil && b != nil && *a == *b }

func TestRefused(t *testing.T) {
	for name, spec := range map[string]executor.Spec{
		"network none":  {Network: executor.NetworkNone},
		"network run":   {Network: executor.NetworkRun},
		"network mine":  {Network: "mine"},
		"stdin":         {Stdin: []byte("hunter2")},
		"devices":       {Devices: []executor.Device{{Source: "/dev/x"}}},
		"gpus":          {GPUs: executor.GPUs{IDs: []string{"1"}}},
		"entrypoint":    {Entrypoint: []string{}},
		"args":          {Args: []string{}},
		"host-gateway":  {ExtraHosts: []executor.ExtraHost{{Name: "h", IP: executor.HostGateway}}},
		"UTF-8":         {Args: []string{"hunter2\xff"}},
		"tmpfs":         {Tmpfs: []executor.Tmpfs{{Target: "/t", Options: "uid=5"}}},
		"noexec":        {Tmpfs: []executor.Tmpfs{{Target: "/t", Options: "noexec"}}},
		"user somebody": {User: "somebody"},
	} {
		spec.ID, spec.Image = "a", "img"
		p, err := pack(spec)
		if err != nil {
			t.Fatal(err)
		}
		_, err = new(Executor).newJob(spec, p)
		if !errors.Is(err, executor.ErrUnsupported) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: tells too much: %v", name, err)
		}
	}
}

func TestRefusalsAreToldBeforehand(t *testing.T) {
	for feature, ability := range abilities() {
		if !ability.OK && ability.Why == "" {
			t.Errorf("%s: says no, and not why", feature)
		}
	}
}

func TestVolumes(t *testing.T) {
	job := jobOf(t, executor.Spec{
		Volumes: []executor.Volume{
			{Source: "/srv", Target: "/host", ReadOnly: true, Options: []string{"rslave"}},
			{Source: "data", Target: "/claim"},
			{Source: "secret/s", Target: "/secret"},
			{Source: "configmap/c", Target: "/config"},
			{Source: "empty", Target: "/empty"},
		},
		Tmpfs:     []executor.Tmpfs{{Target: "/tmp", Options: "size=64m,ro"}},
		ShmSize:   1 << 20,
		Workspace: executor.Workspace{ID: "ws", Target: "/workspace"},
	})
	pod := job.Spec.Template.Spec
	at := map[string]corev1.VolumeSource{}
	read := map[string]bool{}
	for _, m := range pod.Containers[0].VolumeMounts {
		i := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		if i < 0 {
			t.Fatalf("%s has no volume", m.MountPath)
		}
		at[m.MountPath], read[m.MountPath] = pod.Volumes[i].VolumeSource, m.ReadOnly
	}
	for path, ok := range map[string]bool{
		"/host":      at["/host"].HostPath != nil && at["/host"].HostPath.Path == "/srv" && read["/host"],
		"/claim":     at["/claim"].PersistentVolumeClaim != nil && at["/claim"].PersistentVolumeClaim.ClaimName == "data",
		"/secret":    at["/secret"].Secret != nil && at["/secret"].Secret.SecretName == "s",
		"/config":    at["/config"].ConfigMap != nil && at["/config"].ConfigMap.Name == "c",
		"/empty":     at["/empty"].EmptyDir != nil && at["/empty"].EmptyDir.Medium == "" && !read["/empty"],
		"/tmp":       at["/tmp"].EmptyDir != nil && at["/tmp"].EmptyDir.SizeLimit.String() == "64Mi" && read["/tmp"],
		"/dev/shm":   at["/dev/shm"].EmptyDir != nil && at["/dev/shm"].EmptyDir.SizeLimit.String() == "1Mi",
		"/workspace": at["/workspace"].PersistentVolumeClaim != nil && at["/workspace"].PersistentVolumeClaim.ClaimName == "ws",
	} {
		if !ok {
			t.Errorf("%s is %+v", path, at[path])
		}
	}
	if p := pod.Containers[0].VolumeMounts[0].MountPropagation; p == nil || *p != corev1.MountPropagationHostToContainer {
		t.Errorf("propagation %v", p)
	}
}
