package docker

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

var update = flag.Bool("update", false, "write the golden files anew")

// everything is a spec in which all that an engine is told is set.
func everything() executor.Spec {
	return executor.Spec{
		ID:         "run-1",
		Image:      "r.example.com/x@sha256:1",
		Entrypoint: []string{"/bin/x"},
		Args:       []string{"a", "b c"},
		Env:        map[string]string{"B": "2", "A": "1=1", "EMPTY": ""},
		User:       "7:8",
		WorkingDir: "/work",
		Stdin:      []byte("input"),
		Volumes: []executor.Volume{
			{Source: "/host", Target: "/a", ReadOnly: true, Options: []string{"z", "rshared"}},
			{Source: "named", Target: "/b", Options: []string{"nocopy"}},
			{Source: "/mac", Target: "/c", Options: []string{"cached"}},
			{Source: `C:\data`, Target: "/d"},
			{Target: "/anonymous"},
		},
		Network:    "some-network",
		Memory:     64 << 20,
		CPUs:       1.5,
		GPUs:       executor.GPUs{IDs: []string{"0", "GPU-2"}},
		Privileged: true,
		Devices:    []executor.Device{{Source: "/dev/null", Target: "/dev/x", Permissions: "rw"}},
		CapAdd:     []string{"NET_ADMIN"},
		CapDrop:    []string{"ALL"},
		ReadOnly:   true,
		Tmpfs:      []executor.Tmpfs{{Target: "/t", Options: "size=1m,mode=1777"}, {Target: "/u"}},
		ShmSize:    1 << 20,
		ExtraHosts: []executor.ExtraHost{{Name: "a", IP: "10.0.0.1"}, {Name: "b", IP: "fd00::1"}, {Name: "c", IP: executor.HostGateway}},
		DNS:        []string{"10.0.0.53", "fd00::53"},
		Init:       true,
		Labels:     map[string]string{"io.kog.run": "1"},
	}
}

func TestCreateOptions(t *testing.T) {
	files := holder{name: "run-1-files-x", dir: "/volumes/x", paths: []string{"/in/a", "/in/b"}}
	for name, test := range map[string]struct {
		flavour  flavour
		platform string
		spec     executor.Spec
		b        blueprint
	}{
		"docker-everything": {dockerFlavour(), "linux/arm/v7", everything(), blueprint{network: "some-network", files: files}},
		"podman-everything": {podmanFlavour(), "linux/arm64", everything(), blueprint{network: "some-network", files: files}},
		"docker-nothing":    {dockerFlavour(), "", executor.Spec{ID: "run-1", Image: "sha256:1"}, blueprint{}},
		"podman-nothing":    {podmanFlavour(), "", executor.Spec{ID: "run-1", Image: "sha256:1"}, blueprint{}},
	} {
		t.Run(name, func(t *testing.T) {
			e := &Executor{flavour: test.flavour, platform: test.platform}
			options, err := e.createOptions(test.spec, test.b)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(options, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, filepath.Join("testdata", name+".golden"), string(got)+"\n")
		})
	}
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestCreateOptionsCounts(t *testing.T) {
	e := &Executor{flavour: dockerFlavour()}
	for _, test := range []struct {
		cpus float64
		want int64
	}{{0, 0}, {0.01, 10_000_000}, {0.29, 290_000_000}, {1.1, 1_100_000_000}, {64, 64_000_000_000}} {
		options, err := e.createOptions(executor.Spec{CPUs: test.cpus}, blueprint{})
		if err != nil {
			t.Fatal(err)
		}
		if got := options.HostConfig.NanoCPUs; got != test.want {
			t.Errorf("%v processors are %d, want %d", test.cpus, got, test.want)
		}
	}
	options, err := e.createOptions(executor.Spec{GPUs: executor.GPUs{Count: -1}}, blueprint{})
	if err != nil {
		t.Fatal(err)
	}
	if r := options.HostConfig.DeviceRequests; len(r) != 1 || r[0].Count != -1 || len(r[0].DeviceIDs) > 0 {
		t.Errorf("all GPUs are %+v", r)
	}
	if _, err := e.createOptions(executor.Spec{DNS: []string{"name"}}, blueprint{}); err == nil {
		t.Error("a name server without an address is not refused")
	}
}

// What is given to an engine is no part of the spec, which others hold too.
func TestCreateOptionsLeavesTheSpec(t *testing.T) {
	spec := everything()
	e := &Executor{flavour: podmanFlavour()}
	if _, err := e.createOptions(spec, blueprint{files: holder{name: "x"}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(everything(), spec); diff != "" {
		t.Error(diff)
	}
}

func TestParsePlatform(t *testing.T) {
	for text, want := range map[string]*ocispec.Platform{
		"":             nil,
		"linux/amd64":  {OS: "linux", Architecture: "amd64"},
		"linux/arm/v7": {OS: "linux", Architecture: "arm", Variant: "v7"},
	} {
		got, err := parsePlatform(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", text, err, diff)
		}
	}
	for _, text := range []string{"linux", "amd64", "windows/amd64", "linux/arm/v7/x", "linux/", "linux//v7", "linux/arm/", "/amd64"} {
		if got, err := parsePlatform(text); !errors.Is(err, executor.ErrUnsupported) {
			t.Errorf("%q: %+v, %v; want it refused", text, got, err)
		}
	}
}
