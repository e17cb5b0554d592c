package executortest

import (
	"strings"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

func infoTests() []subtest {
	return []subtest{
		{name: "probe", run: testProbe},
		{name: "handle", run: testHandle},
		{name: "unsupported", run: testUnsupported},
	}
}

func testProbe(t *test) {
	first, err := t.exec.Probe(t.ctx())
	if err != nil {
		t.Fatalf("Probe: %v", err)
	}
	second, err := t.other().Probe(t.ctx())
	if err != nil {
		t.Fatalf("Probe from another process: %v", err)
	}
	if first.Name == "" || first.Name != second.Name || first.Version != second.Version {
		t.Errorf("Probe gives %+v here and %+v in another process", first, second)
	}
	for f, a := range first.Features {
		if !a.OK && a.Why == "" {
			t.Errorf("feature %q is absent without a reason", f)
		}
	}
}

func testHandle(t *test) {
	spec := t.spec("exit", "0")
	h := t.start(spec).Handle()
	if h.Executor != t.s.info.Name || h.ID != spec.ID {
		t.Errorf("Handle gives %+v, want executor %q and ID %q", h, t.s.info.Name, spec.ID)
	}
}

// testUnsupported holds an executor to refuse what it cannot do: a limit or a
// network that is silently left out would be worse than none.
func testUnsupported(t *test) {
	settings := map[executor.Feature]func(*executor.Spec){
		executor.FeatureMemoryLimit: func(s *executor.Spec) { s.Memory = 1 << 30 },
		executor.FeatureCPULimit:    func(s *executor.Spec) { s.CPUs = 1 },
		executor.FeatureNetworkNone: func(s *executor.Spec) { s.Network = "none" },
		executor.FeatureNetworkHost: func(s *executor.Spec) { s.Network = "host" },
		executor.FeatureVolumes: func(s *executor.Spec) {
			s.Volumes = []executor.Volume{{Source: "/tmp", Target: "/data"}}
		},
		executor.FeatureNamedVolumes: func(s *executor.Spec) {
			s.Volumes = []executor.Volume{{Source: "kog-test-volume", Target: "/data"}}
		},
		executor.FeatureNetworkNamed: func(s *executor.Spec) { s.Network = "kog-test-network" },
		executor.FeatureNetworkRun: func(s *executor.Spec) {
			s.Network, s.Sandbox = executor.NetworkRun, executor.Sandbox{ID: s.ID + "-s", Labels: s.Labels}
		},
		executor.FeatureGPUs:       func(s *executor.Spec) { s.GPUs.Count = -1 },
		executor.FeaturePrivileged: func(s *executor.Spec) { s.Privileged = true },
		executor.FeatureDevices: func(s *executor.Spec) {
			s.Devices = []executor.Device{{Source: "/dev/null", Target: "/dev/other", Permissions: "rwm"}}
		},
		executor.FeatureCapabilities: func(s *executor.Spec) { s.CapDrop = []string{"ALL"} },
		executor.FeatureReadOnly:     func(s *executor.Spec) { s.ReadOnly = true },
		executor.FeatureTmpfs:        func(s *executor.Spec) { s.Tmpfs = []executor.Tmpfs{{Target: "/scratch"}} },
		executor.FeatureShmSize:      func(s *executor.Spec) { s.ShmSize = 1 << 20 },
		executor.FeatureExtraHosts: func(s *executor.Spec) {
			s.ExtraHosts = []executor.ExtraHost{{Name: "a", IP: "10.0.0.1"}}
		},
		executor.FeatureNamedUsers: func(s *executor.Spec) { s.User = userName },
		executor.FeatureEmptyLists: func(s *executor.Spec) { s.Args = []string{} },
		executor.FeatureClusterVolumes: func(s *executor.Spec) {
			s.Volumes = []executor.Volume{{Source: "secret/kog-test", Target: "/data"}}
		},
		executor.FeatureWorkspace: func(s *executor.Spec) {
			s.Workspace = executor.Workspace{ID: s.ID + "-w", Size: 1 << 20, Target: "/workspace", Labels: s.Labels}
		},
		executor.FeatureDNS:  func(s *executor.Spec) { s.DNS = []string{"10.0.0.1"} },
		executor.FeatureInit: func(s *executor.Spec) { s.Init = true },
	}
	for f, set := range settings {
		if t.s.info.Has(f) {
			continue
		}
		spec := t.spec("exit", "0")
		set(&spec)
		t.wantErr(string(f), t.refused(spec), executor.ErrUnsupported)
	}
}

func specTests() []subtest {
	return []subtest{
		{name: "mistakes", run: testMistakes},
		{name: "env at the limit", run: testEnvLimit},
	}
}

// testMistakes holds every executor to the messages of Spec.Check.
func testMistakes(t *test) {
	const secret = "not-for-messages"
	for name, change := range map[string]func(*executor.Spec){
		"ID":                func(s *executor.Spec) { s.ID = "Not/An/ID" },
		"image":             func(s *executor.Spec) { s.Image = "" },
		"NUL in argument":   func(s *executor.Spec) { s.Args = []string{"a\x00b"} },
		"working directory": func(s *executor.Spec) { s.WorkingDir = "here" },
		"env name":          func(s *executor.Spec) { s.Env = map[string]string{"A=B": secret} },
		"env value":         func(s *executor.Spec) { s.Env = map[string]string{"A": secret + "\x00"} },
		"env size":          func(s *executor.Spec) { s.Env = map[string]string{"A": strings.Repeat(secret, 10_000)} },
		"file":              func(s *executor.Spec) { s.Files = []executor.File{{Path: "/a/../b"}} },
		"volume":            func(s *executor.Spec) { s.Volumes = []executor.Volume{{Target: "x"}} },
		"network":           func(s *executor.Spec) { s.Network = "to the moon" },
		"memory":            func(s *executor.Spec) { s.Memory = -1 },
		"label":             func(s *executor.Spec) { s.Labels[""] = "x" },
	} {
		spec := t.spec("exit", "0")
		change(&spec)
		want := spec.Check()
		got := t.refused(spec)
		if got.Error() != want.Error() {
			t.Errorf("%s: Start says %q, want %q", name, got, want)
		}
		if strings.Contains(got.Error(), secret) {
			t.Errorf("%s: the error tells a value of the environment", name)
		}
	}
}

// testEnvLimit stands on both sides of what Linux takes.
func testEnvLimit(t *test) {
	fits := strings.Repeat("x", executor.MaxEnvString-len("BIG="))
	spec := t.spec("describe")
	spec.Env = map[string]string{"BIG": fits}
	if got := t.describe(spec).env("BIG"); got != fits {
		t.Errorf("a variable of %d bytes arrives with %d", len(fits), len(got))
	}
	spec = t.spec("exit", "0")
	spec.Env = map[string]string{"BIG": fits + "x"}
	t.wantErr("one byte more", t.refused(spec), executor.ErrEnvTooLarge)
}
