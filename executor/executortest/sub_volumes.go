package executortest

import (
	"strings"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest/probe"
)

func volumeTests() []subtest {
	needs := []executor.Feature{executor.FeatureVolumes}
	return []subtest{
		{name: "read and write", run: testVolume, needs: needs},
		{name: "read-only", run: testVolumeReadOnly, needs: needs},
		{name: "two", run: testTwoVolumes, needs: needs},
		{name: "file inside", run: testFileInVolume, needs: needs},
		{name: "workspace", run: testWorkspace, needs: []executor.Feature{executor.FeatureWorkspace}},
	}
}

// volume makes a directory with a file "in" and the spec of a container that
// has it at /vol.
func (t *test) volume(args ...string) (HostDir, executor.Spec) {
	t.Helper()
	dir := t.s.cfg.NewVolume(t.T)
	if err := dir.WriteFile("in", []byte("from outside")); err != nil {
		t.Fatalf("write into a volume: %v", err)
	}
	spec := t.spec(args...)
	spec.Volumes = []executor.Volume{{Source: dir.Source(), Target: "/vol"}}
	return dir, spec
}

func testVolume(t *test) {
	dir, spec := t.volume("read", "/vol/in", "--", "write", "/vol/out", "from inside", "--", "mkdir", "/vol/dir", "--", "mode", "/vol/dir")
	if got := t.succeed(spec); !strings.HasPrefix(got, "from outsided") {
		t.Errorf("the container says %q, want the file and the mode of a directory", got)
	}
	if got, err := dir.ReadFile("out"); err != nil || string(got) != "from inside" {
		t.Errorf("outside has %q, %v; want what the container wrote", got, err)
	}
	// It outlives the container, and another one sees it.
	again := t.spec("read", "/vol/out")
	again.Volumes = spec.Volumes
	if got := t.succeed(again); got != "from inside" {
		t.Errorf("another container reads %q", got)
	}
}

func testVolumeReadOnly(t *test) {
	dir, spec := t.volume("read", "/vol/in", "--", "write", "/vol/out", "x")
	spec.Volumes[0].ReadOnly = true
	r := t.run(spec)
	t.wantCode(r.exit, probe.CodeDenied)
	if r.stdout != "from outside" {
		t.Errorf("a read-only volume reads %q", r.stdout)
	}
	if got, err := dir.ReadFile("out"); err == nil {
		t.Errorf("a read-only volume was written: %q", got)
	}
}

// testTwoVolumes has one inside the other, given in the wrong order.
func testTwoVolumes(t *test) {
	outer, spec := t.volume("read", "/vol/in", "--", "read", "/vol/sub/in", "--", "write", "/vol/sub/out", "deep")
	inner := t.s.cfg.NewVolume(t.T)
	if err := inner.WriteFile("in", []byte(", inner")); err != nil {
		t.Fatalf("write into a volume: %v", err)
	}
	spec.Volumes = []executor.Volume{
		{Source: inner.Source(), Target: "/vol/sub"}, {Source: outer.Source(), Target: "/vol"},
	}
	if got := t.succeed(spec); got != "from outside, inner" {
		t.Errorf("the container reads %q", got)
	}
	if got, err := inner.ReadFile("out"); err != nil || string(got) != "deep" {
		t.Errorf("the inner volume has %q, %v", got, err)
	}
}

func testFileInVolume(t *test) {
	dir, spec := t.volume("read", "/vol/in")
	spec.Files = []executor.File{{Path: "/vol/in", Data: []byte("from the spec")}}
	if got := t.succeed(spec); got != "from the spec" {
		t.Errorf("the container reads %q, want the spec's file over the volume's", got)
	}
	if got, err := dir.ReadFile("in"); err != nil || string(got) != "from outside" {
		t.Errorf("outside has %q, %v; want it untouched", got, err)
	}
}

// testWorkspace: the containers of one run share a volume that those of another
// do not see. It goes with its labels, and begins empty when it is made again.
func testWorkspace(t *test) {
	ofRun := func(run string) map[string]string {
		return with(t.labels(), map[string]string{"kog.test/run": run})
	}
	in := func(run string, args ...string) result {
		spec := t.spec(args...)
		spec.Labels = with(spec.Labels, ofRun(run))
		spec.Workspace = executor.Workspace{ID: t.id + "-" + run, Size: 1 << 20, Target: "/workspace", Labels: ofRun(run)}
		return t.run(spec)
	}
	t.wantCode(in("one", "write", "/workspace/left", "by one").exit, 0)
	if r := in("one", "read", "/workspace/left"); r.stdout != "by one" {
		t.Errorf("the next container of the run reads %q (%s), want what the first one wrote", r.stdout, r.stderr)
	}
	if r := in("other", "read", "/workspace/left"); r.exit.Code == 0 {
		t.Errorf("another run reads %q", r.stdout)
	}
	for run, want := range map[string]int{"one": 2, "other": 1} {
		if n := t.sweepOf(ofRun(run)); n != want {
			t.Errorf("Sweep counts %d containers of run %s, want %d: a workspace is none", n, run, want)
		}
	}
	if r := in("one", "read", "/workspace/left"); r.exit.Code == 0 {
		t.Errorf("after the workspace was swept it has %q", r.stdout)
	}
}

func networkTests() []subtest {
	return []subtest{
		{name: "none", run: testNetworkNone, needs: []executor.Feature{executor.FeatureNetworkNone}},
		{name: "host", run: testNetworkHost, needs: []executor.Feature{executor.FeatureNetworkHost}},
		{name: "run", run: testNetworkRun, needs: []executor.Feature{executor.FeatureNetworkRun}},
	}
}

// interfaces gives the names in /proc/net/dev of a container.
func (t *test) interfaces(network string) []string {
	t.Helper()
	spec := t.spec("read", "/proc/net/dev")
	spec.Network = network
	var names []string
	for line := range strings.Lines(t.succeed(spec)) {
		if name, _, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			names = append(names, name)
		}
	}
	return names
}

// testNetworkNone allows the tunnels that some kernels make in every network
// namespace; they are down and lead nowhere.
func testNetworkNone(t *test) {
	idle := map[string]bool{
		"lo": true, "tunl0": true, "gre0": true, "gretap0": true, "erspan0": true, "ip_vti0": true,
		"ip6_vti0": true, "sit0": true, "ip6tnl0": true, "ip6gre0": true,
	}
	names := t.interfaces("none")
	if len(names) == 0 {
		t.Error("there is not even a loopback interface")
	}
	for _, name := range names {
		if !idle[name] {
			t.Errorf("without a network there is the interface %s", name)
		}
	}
}

func testNetworkHost(t *test) {
	if names := t.interfaces("host"); len(names) == 0 {
		t.Error("the host's network has no interface")
	}
}

// testNetworkRun: containers of one run have the same interface, one after the
// other, and those of another run have another. The sandbox goes with its
// labels, and is made again when it is needed.
func testNetworkRun(t *test) {
	ofRun := func(run string) map[string]string {
		return with(t.labels(), map[string]string{"kog.test/run": run})
	}
	address := func(run string) string {
		spec := t.spec("read", "/sys/class/net/eth0/address")
		spec.Network = executor.NetworkRun
		spec.Labels = with(spec.Labels, ofRun(run))
		spec.Sandbox = executor.Sandbox{ID: t.id + "-" + run, Labels: ofRun(run)}
		return t.succeed(spec)
	}
	one, other, again := address("one"), address("other"), address("one")
	if one == "" || one != again || one == other {
		t.Errorf("the addresses are %q, then %q, and %q in another run", one, again, other)
	}
	for run, want := range map[string]int{"one": 2, "other": 1} {
		if n := t.sweepOf(ofRun(run)); n != want {
			t.Errorf("Sweep counts %d containers of run %s, want %d: a sandbox is none", n, run, want)
		}
	}
	if got := address("one"); got == "" {
		t.Error("there is no address after the sandbox was swept")
	}
}

func limitTests() []subtest {
	return []subtest{
		{name: "memory", run: testMemoryEnough, needs: []executor.Feature{executor.FeatureMemoryLimit}},
		{name: "cpu", run: testCPULimit, needs: []executor.Feature{executor.FeatureCPULimit}},
	}
}

func testMemoryEnough(t *test) {
	spec := t.spec("grow", "32", "--", "exit", "6")
	spec.Memory = 256 << 20
	t.wantCode(t.run(spec).exit, 6)
}

// testCPULimit only sees that a limit does no harm: how slow is slow enough
// depends on the machine.
func testCPULimit(t *test) {
	spec := t.spec("lines", "stdout", "1000", "x", "--", "exit", "6")
	spec.CPUs = 0.5
	t.wantCode(t.run(spec).exit, 6)
}
