package executor_test

import (
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

func TestSpecCheckSettings(t *testing.T) {
	type spec = executor.Spec
	device := func(source, target, permissions string) func(*spec) {
		return func(s *spec) {
			s.Devices = []executor.Device{{Source: source, Target: target, Permissions: permissions}}
		}
	}
	tmpfs := func(target, options string) func(*spec) {
		return func(s *spec) { s.Tmpfs = []executor.Tmpfs{{Target: target, Options: options}} }
	}
	host := func(name, ip string) func(*spec) {
		return func(s *spec) { s.ExtraHosts = []executor.ExtraHost{{Name: name, IP: ip}} }
	}
	dns := func(ip string) func(*spec) { return func(s *spec) { s.DNS = []string{"9.9.9.9", ip} } }
	add := func(name string) func(*spec) { return func(s *spec) { s.CapAdd = []string{name} } }
	drop := func(name string) func(*spec) { return func(s *spec) { s.CapDrop = []string{name} } }
	for name, tt := range map[string]struct {
		change func(*spec)
		want   string // part of the error, "" for none
	}{
		"run with a sandbox": {func(s *spec) { s.Network, s.Sandbox.ID = executor.NetworkRun, "kog-1-sandbox" }, ""},
		"run without one":    {func(s *spec) { s.Network = executor.NetworkRun }, "network run: there is no sandbox to share"},
		"named network":      {func(s *spec) { s.Network = "lab_1.x" }, ""},
		"shm":                {func(s *spec) { s.ShmSize = 1 }, ""},
		"negative shm":       {func(s *spec) { s.ShmSize = -1 }, "shared memory of -1 bytes"},
		"device":             {device("/dev/null", "/dev/x", "rwm"), ""},
		"relative source":    {device("null", "/dev/x", "r"), "device null:/dev/x:r"},
		"relative target":    {device("/dev/null", "x", "r"), "device /dev/null:x:r"},
		"no permissions":     {device("/dev/null", "/dev/x", ""), "some of rwm"},
		"odd permissions":    {device("/dev/null", "/dev/x", "rx"), "some of rwm"},
		"tmpfs":              {tmpfs("/tmp", "size=1m,ro"), ""},
		"relative tmpfs":     {tmpfs("tmp", ""), `tmpfs path "tmp"`},
		"tmpfs at the root":  {tmpfs("/", ""), `tmpfs path "/"`},
		"tmpfs over volume":  {tmpfs("/data", ""), "is used twice"},
		"blank in options":   {tmpfs("/tmp", "size=1m ro"), "joined by commas"},
		"host":               {host("board", "10.0.0.1"), ""},
		"gateway":            {host("board", executor.HostGateway), ""},
		"nameless host":      {host("", "10.0.0.1"), "is not a name"},
		"second line":        {host("a\n10.0.0.1", "10.0.0.1"), "is not a name"},
		"comment":            {host("a#", "10.0.0.1"), "is not a name"},
		"no address":         {host("a", "10.0.0"), "is not an IP address"},
		"address with more":  {host("a", "10.0.0.1\n10.0.0.2 b"), "is not an IP address"},
		"zone":               {host("a", "fe80::1%a\nb"), "is not an IP address"},
		"dns":                {dns("2620:fe::fe"), ""},
		"dns by name":        {dns("localhost"), `dns server "localhost"`},
		"dns with zone":      {dns("fe80::1%eth0"), "is not an IP address"},
		"capability":         {add("NET_ADMIN"), ""},
		"all":                {drop("ALL"), ""},
		"prefix":             {add("CAP_NET_ADMIN"), "capability CAP_NET_ADMIN"},
		"lower case":         {drop("net_admin"), "capability net_admin"},
		"no name":            {drop(""), "want a name"},
	} {
		t.Run(name, func(t *testing.T) {
			s := goodSpec()
			tt.change(&s)
			err := s.Check()
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("Check() = %v, want nil", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("Check() = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestCheckNetwork(t *testing.T) {
	for name, good := range map[string]bool{
		"": true, "host": true, "none": true, "run": true, "lab": true, "lab-1_x.y": true,
		"a b": false, "-x": false, "container:x": false, "a\nb": false,
	} {
		if err := executor.CheckNetwork(name); (err == nil) != good {
			t.Errorf("CheckNetwork(%q) = %v", name, err)
		}
	}
}

func TestGPUsNone(t *testing.T) {
	for _, tt := range []struct {
		gpus executor.GPUs
		none bool
	}{{executor.GPUs{}, true}, {executor.GPUs{Count: -1}, false}, {executor.GPUs{Count: 2}, false}, {executor.GPUs{IDs: []string{"0"}}, false}} {
		if tt.gpus.None() != tt.none {
			t.Errorf("%+v: None() = %v", tt.gpus, !tt.none)
		}
	}
}
