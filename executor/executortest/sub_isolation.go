package executortest

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest/probe"
)

func isolationTests() []subtest {
	needs := func(f ...executor.Feature) []executor.Feature { return f }
	return []subtest{
		{name: "read-only root", run: testReadOnlyRoot, needs: needs(executor.FeatureReadOnly, executor.FeatureTmpfs, executor.FeatureVolumes)},
		{name: "tmpfs", run: testTmpfs, needs: needs(executor.FeatureTmpfs)},
		{name: "tmpfs size", run: testTmpfsSize, needs: needs(executor.FeatureTmpfs)},
		{name: "shared memory", run: testShmSize, needs: needs(executor.FeatureShmSize)},
		{name: "extra hosts", run: testExtraHosts, needs: needs(executor.FeatureExtraHosts)},
		{name: "name servers", run: testNameServers, needs: needs(executor.FeatureDNS)},
		{name: "capabilities", run: testCapabilities, needs: needs(executor.FeatureCapabilities)},
		{name: "all capabilities", run: testAllCapabilities, needs: needs(executor.FeatureCapabilities)},
		{name: "privileged", run: testPrivileged, needs: needs(executor.FeaturePrivileged)},
		{name: "devices", run: testDevices, needs: needs(executor.FeatureDevices)},
		{name: "device permissions", run: testDevicePermissions, needs: needs(executor.FeatureDevices)},
		{name: "init", run: testInit, needs: needs(executor.FeatureInit)},
		{name: "init passes signals", run: testInitSignals, needs: needs(executor.FeatureInit)},
	}
}

// testReadOnlyRoot: what is not of the image can still be written.
func testReadOnlyRoot(t *test) {
	const file = "/run/kog/context.json"
	readOnly := func(args ...string) executor.Spec {
		_, spec := t.volume(args...)
		spec.ReadOnly = true
		spec.Tmpfs = []executor.Tmpfs{{Target: "/scratch", Options: "mode=1777"}}
		spec.Files = []executor.File{{Path: file, Data: []byte("{}")}}
		return spec
	}
	for _, args := range [][]string{{"write", "/new", "x"}, {"write", "/data/text", "x"}, {"mkdir", "/data/new"}} {
		t.wantCode(t.run(readOnly(args...)).exit, probe.CodeDenied)
	}
	got := t.succeed(readOnly(
		"write", "/vol/out", "x", "--", "write", "/scratch/a", "x", "--", "write", "/dev/shm/a", "x", "--", "read", file, "--", "read", "/data/text"))
	if got != "{}text\n" {
		t.Errorf("on a read-only root, the files read %q, want {} and text", got)
	}
}

// testTmpfs: it is empty, also over a directory of the image, and ends with
// its container.
func testTmpfs(t *test) {
	withTmpfs := func(target string, args ...string) executor.Spec {
		spec := t.spec(args...)
		spec.Tmpfs = []executor.Tmpfs{{Target: target, Options: "mode=1777"}}
		return spec
	}
	t.wantCode(t.run(withTmpfs("/data", "read", "/data/text")).exit, probe.CodeMissing)
	for range 2 {
		spec := withTmpfs("/made/for/this", "mkdir", "/made/for/this/dir", "--", "write", "/made/for/this/dir/a", "kept", "--", "read", "/made/for/this/dir/a")
		if got := t.succeed(spec); got != "kept" {
			t.Errorf("a tmpfs reads %q, want what was written", got)
		}
	}
	// Over a directory of the image some engines keep that one's mode.
	if got := t.succeed(withTmpfs("/made", "mode", "/made")); !strings.HasSuffix(got, "rwxrwxrwx\n") {
		t.Errorf("a tmpfs of mode 1777 has mode %q", got)
	}
	readOnly := withTmpfs("/scratch", "write", "/scratch/a", "x")
	readOnly.Tmpfs[0].Options += ",ro"
	t.wantCode(t.run(readOnly).exit, probe.CodeDenied)
}

func testTmpfsSize(t *test) {
	spec := t.spec("size", "/scratch")
	spec.Tmpfs = []executor.Tmpfs{{Target: "/scratch", Options: "size=4m"}}
	t.wantSize(spec, 4<<20)
}

func testShmSize(t *test) {
	spec := t.spec("size", "/dev/shm")
	spec.ShmSize = 3 << 20
	t.wantSize(spec, 3<<20)
}

func (t *test) wantSize(spec executor.Spec, want int64) {
	t.Helper()
	if got := strings.TrimSpace(t.succeed(spec)); got != strconv.FormatInt(want, 10) {
		t.Errorf("%s has %s bytes, want %d", spec.Args[1], got, want)
	}
}

func testExtraHosts(t *test) {
	spec := t.spec("read", "/etc/hosts")
	spec.ExtraHosts = []executor.ExtraHost{{Name: "board.lab", IP: "10.11.12.13"}, {Name: "six", IP: "2001:db8::7"}}
	lines := fieldsOf(t.succeed(spec))
	for _, h := range spec.ExtraHosts {
		found := slices.ContainsFunc(lines, func(f []string) bool { return f[0] == h.IP && slices.Contains(f[1:], h.Name) })
		if !found {
			t.Errorf("/etc/hosts has no line for %s: %q", h.Name, lines)
		}
	}
	if !slices.ContainsFunc(lines, func(f []string) bool { return slices.Contains(f[1:], "localhost") }) {
		t.Errorf("/etc/hosts has no localhost any more: %q", lines)
	}
}

func testNameServers(t *test) {
	spec := t.spec("read", "/etc/resolv.conf")
	spec.DNS = []string{"10.11.12.13", "2001:db8::7"}
	var got []string
	for _, f := range fieldsOf(t.succeed(spec)) {
		if f[0] == "nameserver" {
			got = append(got, f[1:]...)
		}
	}
	if !slices.Equal(got, spec.DNS) {
		t.Errorf("/etc/resolv.conf has the name servers %q, want %q", got, spec.DNS)
	}
}

// fieldsOf splits the lines of a file, without comments.
func fieldsOf(text string) [][]string {
	var lines [][]string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if f := strings.Fields(line); len(f) > 0 {
			lines = append(lines, f)
		}
	}
	return lines
}

// Numbers of capabilities, as in linux/capability.h.
const (
	capChown    = 0
	capNetRaw   = 13
	capSysAdmin = 21
)

// caps are the effective capabilities of a container's command.
func (t *test) caps(change func(*executor.Spec)) uint64 {
	t.Helper()
	spec := t.spec("read", "/proc/self/status")
	change(&spec)
	for _, f := range fieldsOf(t.succeed(spec)) {
		if f[0] == "CapEff:" && len(f) == 2 {
			caps, err := strconv.ParseUint(f[1], 16, 64)
			if err != nil {
				t.Fatalf("CapEff: %v", err)
			}
			return caps
		}
	}
	t.Fatal("/proc/self/status has no CapEff")
	return 0
}

// testCapabilities compares with the default, which is the engine's own.
func testCapabilities(t *test) {
	const chown, netRaw, sysAdmin = uint64(1) << capChown, uint64(1) << capNetRaw, uint64(1) << capSysAdmin
	normal := t.caps(func(*executor.Spec) {})
	if normal&chown == 0 || normal&sysAdmin != 0 {
		t.Fatalf("the default capabilities are %x, want CHOWN and not SYS_ADMIN", normal)
	}
	for name, c := range map[string]struct {
		add, drop []string
		want      uint64
	}{
		"one less":       {nil, []string{"CHOWN"}, normal &^ chown},
		"one more":       {[]string{"SYS_ADMIN"}, nil, normal | sysAdmin},
		"both":           {[]string{"SYS_ADMIN"}, []string{"CHOWN"}, normal&^chown | sysAdmin},
		"none":           {nil, []string{"ALL"}, 0},
		"one only":       {[]string{"NET_RAW"}, []string{"ALL"}, netRaw},
		"there already":  {[]string{"CHOWN"}, nil, normal},
		"none to drop":   {nil, []string{"SYS_ADMIN"}, normal},
		"several by one": {[]string{"NET_RAW", "CHOWN"}, []string{"ALL"}, netRaw | chown},
	} {
		got := t.caps(func(s *executor.Spec) { s.CapAdd, s.CapDrop = c.add, c.drop })
		if got != c.want {
			t.Errorf("%s: capabilities %x, want %x (default %x)", name, got, c.want, normal)
		}
	}
}

func testAllCapabilities(t *test) {
	const chown, sysAdmin = uint64(1) << capChown, uint64(1) << capSysAdmin
	normal := t.caps(func(*executor.Spec) {})
	all := t.caps(func(s *executor.Spec) { s.CapAdd = []string{"ALL"} })
	if got := t.caps(func(s *executor.Spec) { s.CapAdd, s.CapDrop = []string{"ALL"}, []string{"CHOWN"} }); got != all&^chown {
		t.Errorf("all but one: capabilities %x, want %x", got, all&^chown)
	}
	if all&(normal|sysAdmin) != normal|sysAdmin {
		t.Errorf("all capabilities are %x, which is not even the default %x and SYS_ADMIN", all, normal)
	}
}

// testPrivileged: all capabilities, and what is hidden or read-only otherwise.
func testPrivileged(t *test) {
	all := t.caps(func(s *executor.Spec) { s.CapAdd = []string{"ALL"} })
	if got := t.caps(func(s *executor.Spec) { s.Privileged = true }); got != all {
		t.Errorf("a privileged container has the capabilities %x, want all: %x", got, all)
	}
	for privileged, want := range map[bool]string{true: "rw", false: "ro"} {
		spec := t.spec("read", "/proc/self/mounts")
		spec.Privileged = privileged
		found := false
		for _, f := range fieldsOf(t.succeed(spec)) {
			if len(f) > 3 && f[1] == "/sys" {
				found = true
				if access, _, _ := strings.Cut(f[3], ","); access != want {
					t.Errorf("privileged %v: /sys is mounted %s, want %s", privileged, access, want)
				}
			}
		}
		if !found {
			t.Error("/sys is not mounted")
		}
	}
	if device := t.device(); device != "" {
		t.wantCode(t.run(t.spec("mode", device)).exit, probe.CodeMissing)
		spec := t.spec("open", device, "r")
		spec.Privileged = true
		t.succeed(spec)
	}
}

// device is one that containers do not have by default, "" when there is none.
func (t *test) device() string {
	if t.s.cfg.Device != "" {
		return t.s.cfg.Device
	}
	for _, name := range []string{"/dev/fuse", "/dev/loop-control", "/dev/net/tun"} {
		if info, err := os.Stat(name); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return name
		}
	}
	return ""
}

func testDevices(t *test) {
	for _, target := range []string{"/dev/other", "/work/port"} {
		spec := t.spec("mode", target, "--", "read", target, "--", "write", target, "x", "--", "open", target, "r")
		spec.Devices = []executor.Device{{Source: "/dev/null", Target: target, Permissions: "rwm"}}
		if got := t.succeed(spec); !strings.HasPrefix(got, "Dc") {
			t.Errorf("%s has mode %q, want a character device", target, got)
		}
	}
	spec := t.spec("exit", "0")
	spec.Devices = []executor.Device{{Source: "/dev/there-is-no-such-device", Target: "/dev/x", Permissions: "rwm"}}
	_ = t.refused(spec)
}

// testDevicePermissions: an executor that cannot hold a container to them has
// to say so.
func testDevicePermissions(t *test) {
	device := t.device()
	if device == "" {
		t.Skip("this machine has no device that containers do not have anyway")
	}
	given := func(permissions, how string) executor.Spec {
		spec := t.spec("open", "/dev/given", how)
		spec.Devices = []executor.Device{{Source: device, Target: "/dev/given", Permissions: permissions}}
		return spec
	}
	p, err := t.exec.Start(t.ctx(), given("r", "r"))
	if err != nil {
		t.wantErr("permissions r", err, executor.ErrUnsupported)
		_ = t.refused(given("r", "r"))
		return
	}
	t.wantCode(t.wait(p), 0)
	t.wantCode(t.run(given("r", "w")).exit, probe.CodeDenied)
	t.succeed(given("rw", "w"))
}

func testInit(t *test) {
	spec := t.spec("pid", "--", "orphan", "--", "exit", "42")
	spec.Init = true
	r := t.run(spec)
	t.wantCode(r.exit, 42)
	if pid, err := strconv.Atoi(strings.TrimSpace(r.stdout)); err != nil || pid <= 1 {
		t.Errorf("the command is process %q; stderr: %s", r.stdout, r.stderr)
	}
}

func testInitSignals(t *test) {
	spec := t.spec("trap", "7")
	spec.Init = true
	p, f := t.running(spec)
	t.stop(p, t.s.cfg.Timeout)
	t.wantCode(t.wait(p), 7)
	if err := f.end(); err != nil {
		t.Errorf("Follow: %v", err)
	}
}
