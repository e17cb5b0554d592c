//go:build cgo

package native_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// TestPrivileged looks at what only a privileged container may see and change.
func TestPrivileged(t *testing.T) {
	asRoot(t)
	f := newFixture(t)
	for _, tt := range []struct {
		name, script, privileged, otherwise string // "" is not looked at
	}{
		{"new privileges", "grep NoNewPrivs /proc/self/status | tr -d '\\t'", "NoNewPrivs:0\n", "NoNewPrivs:1\n"},
		{"system calls", "grep ^Seccomp: /proc/self/status | tr -d '\\t'", "Seccomp:0\n", ""},
		{"sysctl", "mount | grep -c 'on /proc/sys .*(ro'", "0\n", "1\n"},
		{"what is masked", "mount | grep -c 'on /proc/keys'", "0\n", "1\n"},
		{"sysfs", "mount | grep -c 'on /sys .*(rw'", "1\n", "0\n"},
		{"cgroups", "mount | grep 'on /sys/fs/cgroup[ /]' | grep -vc '(rw'", "0\n", ""},
		{"terminals", "mount | grep -c 'on /dev/pts '", "1\n", "1\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for privileged, want := range map[bool]string{true: tt.privileged, false: tt.otherwise} {
				spec := f.spec(nextID(), tt.script)
				spec.Privileged = privileged
				if r := f.run(t, spec); want != "" && r.stdout != want {
					t.Errorf("privileged %v: %q, want %q; stderr: %s", privileged, r.stdout, want, r.stderr)
				}
			}
		})
	}
}

// TestPrivilegedDevices: every device of this machine is there.
func TestPrivilegedDevices(t *testing.T) {
	asRoot(t)
	f := newFixture(t)
	spec := f.spec(nextID(), "ls -l /dev | grep -c '^[bc]'")
	spec.Privileged = true
	machine, err := filepath.Glob("/dev/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range machine {
		info, err := os.Lstat(name)
		if err != nil || info.Mode()&os.ModeDevice == 0 || name == "/dev/console" {
			continue
		}
		spec.Entrypoint[2] += "; [ -c " + name + " ] || [ -b " + name + " ] || echo missing " + name
	}
	if r := f.run(t, spec); strings.Contains(r.stdout, "missing") || r.Code != 0 {
		t.Errorf("%+v", r)
	}
}

// TestDeviceSources: links are followed, and what is no device is refused.
func TestDeviceSources(t *testing.T) {
	f := newFixture(t)
	dir := tempDir(t)
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/dev/zero", link); err != nil {
		t.Fatal(err)
	}
	spec := f.spec(nextID(), "head -c 3 /dev/by-link | wc -c; echo x >/dev/full && echo written")
	spec.Devices = []executor.Device{
		{Source: link, Target: "/dev/by-link", Permissions: "rwm"},
		{Source: "/dev/zero", Target: "/dev/full", Permissions: "rwm"}, // in the place of a usual one
	}
	if r := f.run(t, spec); r.stdout != "3\nwritten\n" {
		t.Errorf("%+v", r)
	}
	for _, source := range []string{dir, "/etc/passwd", "/dev/there-is-no-such-device"} {
		spec := f.spec(nextID(), "true")
		spec.Devices = []executor.Device{{Source: source, Target: "/dev/x", Permissions: "rwm"}}
		if _, err := f.Start(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "device "+source) {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// TestDeviceFolder: a folder means the devices in it.
func TestDeviceFolder(t *testing.T) {
	asRoot(t)
	f := newFixture(t)
	spec := f.spec(nextID(), "[ -c /dev/copy/tun ] && [ ! -e /dev/net ] && echo there")
	spec.Devices = []executor.Device{{Source: "/dev/net", Target: "/dev/copy", Permissions: "rw"}}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skip("this machine has no folder of devices")
	}
	if r := f.run(t, spec); r.stdout != "there\n" {
		t.Errorf("%+v", r)
	}
}

// TestRefusedSettings: what an ordinary user and a container without a network
// cannot have is refused with the reason.
func TestRefusedSettings(t *testing.T) {
	f := newFixture(t)
	root := os.Geteuid() == 0
	for name, tt := range map[string]struct {
		change  func(*executor.Spec)
		refused bool
		reason  string
	}{
		"gateway without a network": {func(s *executor.Spec) {
			s.Network, s.ExtraHosts = executor.NetworkNone, []executor.ExtraHost{{Name: "a", IP: executor.HostGateway}}
		}, true, "network none"},
		"workspace": {func(s *executor.Spec) {
			s.Workspace = executor.Workspace{ID: s.ID + "-w", Target: "/workspace"}
		}, true, "workspace: no volume is made for a run"},
		"secret as volume": {func(s *executor.Spec) {
			s.Volumes = []executor.Volume{{Source: "secret/key", Target: "/key"}}
		}, true, "volume secret/key:/key: only Kubernetes has secrets"},
		"named network": {func(s *executor.Spec) { s.Network = "lab" }, true, "network lab: there are no networks with names here"},
		"owner of a tmpfs": {func(s *executor.Spec) {
			s.Tmpfs = []executor.Tmpfs{{Target: "/t", Options: "uid=1000"}}
		}, !root, "tmpfs /t: option uid=1000: without root"},
		"root as owner of a tmpfs": {func(s *executor.Spec) {
			s.Tmpfs = []executor.Tmpfs{{Target: "/t", Options: "uid=0,gid=0"}}
		}, false, ""},
		"privileged": {func(s *executor.Spec) { s.Privileged = true }, !root, "run kog as root"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := f.spec(nextID(), "true")
			tt.change(&spec)
			if !tt.refused {
				f.run(t, spec)
				return
			}
			_, err := f.Start(t.Context(), spec)
			if !errors.Is(err, executor.ErrUnsupported) || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("error %v, want %q", err, tt.reason)
			}
		})
	}
}

// TestHostsAndServers looks at the two files as a whole.
func TestHostsAndServers(t *testing.T) {
	f := newFixture(t)
	hosts, err := os.ReadFile("/etc/hosts")
	if err != nil {
		t.Fatal(err)
	}
	const read = "cat /etc/hosts; [ ! -e /etc/resolv.conf ] || grep nameserver /etc/resolv.conf"
	host := strings.TrimSuffix(string(hosts), "\n") + "\n"
	for _, tt := range []struct {
		network, want string
	}{
		{"", host + "10.0.0.7\tboard\n127.0.0.1\tgateway\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n"},
		{executor.NetworkNone, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\tID\n10.0.0.7\tboard\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n"},
	} {
		spec := f.spec(nextID(), read)
		spec.Network, spec.DNS = tt.network, []string{"10.0.0.1", "10.0.0.2"}
		spec.ExtraHosts = []executor.ExtraHost{{Name: "board", IP: "10.0.0.7"}}
		if tt.network == "" {
			spec.ExtraHosts = append(spec.ExtraHosts, executor.ExtraHost{Name: "gateway", IP: executor.HostGateway})
		}
		if r := f.run(t, spec); r.stdout != strings.ReplaceAll(tt.want, "ID", spec.ID) {
			t.Errorf("network %q: %q, want %q", tt.network, r.stdout, tt.want)
		}
	}
	spec := f.spec(nextID(), "true")
	spec.DNS = []string{"10.0.0.1"}
	spec.Volumes = []executor.Volume{{Source: "/etc/hostname", Target: "/etc/resolv.conf"}}
	if _, err := f.Start(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "/etc/resolv.conf: a volume is mounted there") {
		t.Errorf("name servers under a volume: %v", err)
	}
}
