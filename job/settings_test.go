package job_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/job"
)

const settingsJob = `name: settings
workflows:
  run:
    start: {action: work}
actions:
  work:
    image: i
    env: {TOKEN: hunter2}
    entrypoint: [/bin/sh, -c]
    args: ["echo \"$1\"", "", 1.10]
    user: 1000:1000
    working_dir: /srv//work/
    memory: 1.5g
    shm_size: 64MiB
    cpus: 1.5
    gpus: "device=0,GPU-1a2b"
    network: lab
    privileged: true
    read_only: true
    init: true
    devices: [/dev/null, /dev/zero:r, /dev/ttyUSB0:/dev/console0, "/dev/kvm:/dev/kvm:rw"]
    cap_add: [cap_net_admin, Sys_Ptrace]
    cap_drop: [all]
    tmpfs: [/tmp, "/scratch:size=64m,mode=1777,noexec"]
    extra_hosts: ["a:10.0.0.1", b=10.0.0.2, "c:::1", "d=[2001:DB8::1]", "e:host-gateway"]
    dns: [9.9.9.9, "2620:fe::fe"]
    labels: {team: lab, rack: 7}
    kubernetes:
      serviceAccountName: flasher
      nodeSelector: {kubernetes.io/arch: arm64}
      tolerations:
      - key: lab
        seconds: 1.10
      - {operator: Exists, any: null}
`

func TestSettings(t *testing.T) {
	want := job.Settings{
		Entrypoint: []string{"/bin/sh", "-c"}, Args: []string{`echo "$1"`, "", "1.10"},
		User: "1000:1000", WorkingDir: "/srv/work",
		Memory: 3 << 29, ShmSize: 64 << 20, CPUs: 1.5, GPUs: job.GPUs{IDs: []string{"0", "GPU-1a2b"}},
		Network: "lab", Privileged: true, ReadOnly: true, Init: true,
		Devices: []job.Device{
			{Source: "/dev/null", Target: "/dev/null", Permissions: "rwm"},
			{Source: "/dev/zero", Target: "/dev/zero", Permissions: "r"},
			{Source: "/dev/ttyUSB0", Target: "/dev/console0", Permissions: "rwm"},
			{Source: "/dev/kvm", Target: "/dev/kvm", Permissions: "rw"},
		},
		CapAdd: []string{"NET_ADMIN", "SYS_PTRACE"}, CapDrop: []string{"ALL"},
		Tmpfs: []job.Tmpfs{{Target: "/tmp"}, {Target: "/scratch", Options: "size=64m,mode=1777,noexec"}},
		ExtraHosts: []job.ExtraHost{
			{Name: "a", IP: "10.0.0.1"},
			{Name: "b", IP: "10.0.0.2"},
			{Name: "c", IP: "::1"},
			{Name: "d", IP: "2001:db8::1"},
			{Name: "e", IP: job.HostGateway},
		},
		DNS: []string{"9.9.9.9", "2620:fe::fe"}, Labels: map[string]string{"team": "lab", "rack": "7"},
		Kubernetes: job.Values{
			"serviceAccountName": "flasher", "nodeSelector": map[string]any{"kubernetes.io/arch": "arm64"},
			"tolerations": []any{
				map[string]any{"key": "lab", "seconds": json.Number("1.10")},
				map[string]any{"operator": "Exists", "any": nil},
			},
		},
	}
	j := mustParse(t, settingsJob)
	if len(j.Warnings) != 0 {
		t.Errorf("warnings %v, want none", j.Warnings)
	}
	work := j.Actions["work"]
	if diff := cmp.Diff(want, work.Settings); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	for key, at := range map[string]job.Position{
		"memory": {Line: 13, Column: 13}, "devices.1": {Line: 21, Column: 26}, "args.2": {Line: 10, Column: 31},
		"dns.0": {Line: 26, Column: 11}, "labels.rack": {Line: 27, Column: 31}, "kubernetes": {Line: 29, Column: 7},
		"kubernetes.nodeSelector.kubernetes.io/arch": {Line: 30, Column: 42}, "kubernetes.tolerations[0].key": {Line: 32, Column: 14},
		"kubernetes.tolerations[1]": {Line: 34, Column: 9},
	} {
		if work.At[key] != at {
			t.Errorf("%s stands at %v, want %v", key, work.At[key], at)
		}
	}
	if err := roundTrip(j); err != nil {
		t.Error(err)
	}
}

// TestPlace: what is missing is told where it is missing.
func TestPlace(t *testing.T) {
	work := mustParse(t, settingsJob).Actions["work"]
	for key, known := range map[string]string{
		"kubernetes.tolerations[1].operator": "kubernetes.tolerations[1].operator",
		"kubernetes.tolerations[1].key":      "kubernetes.tolerations[1]",
		"kubernetes.tolerations[7].key":      "kubernetes.tolerations",
		"kubernetes.volumes":                 "kubernetes",
		"devices.9":                          "devices",
	} {
		if got, want := work.Place(key), work.At[known]; got != want || want == (job.Position{}) {
			t.Errorf("%s: stands at %v, want %v of %s", key, got, want, known)
		}
	}
	for _, key := range []string{"nothing", "nothing.at[0].all", ""} {
		if got := work.Place(key); got != work.Pos {
			t.Errorf("%q: stands at %v, want that of the action", key, got)
		}
	}
}

// TestKubernetesLongKeys: a long key is not copied for each value below it.
func TestKubernetesLongKeys(t *testing.T) {
	const children = 1000
	long := strings.Repeat("k", 1000)
	text := "name: x\nworkflows: {run: {start: {action: a}}}\nactions: {a: {image: i, kubernetes: {ok: 1, " + long + ": [" +
		strings.Repeat("1,", children) + "1]}}}"
	a := mustParse(t, text).Actions["a"]
	if list, _ := a.Kubernetes[long].([]any); len(list) != children+1 {
		t.Errorf("the list has %d values, want %d", len(list), children+1)
	}
	if a.Place("kubernetes."+long+"[3]") != a.At["kubernetes"] || a.At["kubernetes.ok"] == (job.Position{}) {
		t.Errorf("places: %v", a.At)
	}
}

// TestSettingsAbsent shows which values mean the same as leaving the key out,
// and that an empty command is none of them.
func TestSettingsAbsent(t *testing.T) {
	const head = "name: x\nworkflows: {run: {start: {action: a}}}\nactions: {a: {image: i, "
	for text, want := range map[string]job.Settings{
		"memory: null, cpus: ~, gpus: '', user: , tmpfs: [], devices: , labels: {}, kubernetes: {}, init: false, entrypoint: , args: ": {},
		"entrypoint: [], args: []": {Entrypoint: []string{}, Args: []string{}},
	} {
		j := mustParse(t, head+text+"}}")
		if diff := cmp.Diff(want, j.Actions["a"].Settings); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		if err := roundTrip(j); err != nil {
			t.Error(err)
		}
	}
}

func TestSettingsSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "512": 512, "512b": 512, "1k": 1 << 10, "1K": 1 << 10, "1kb": 1 << 10, "1KiB": 1 << 10, "2 m": 2 << 20, "1.5g": 3 << 29,
		"0.5m": 1 << 19, "1t": 1 << 40, "1p": 1 << 50, "1.9": 1, "9223372036854775806": math.MaxInt64 - 1,
		"-1": 0, "0": 0, "0.1": 0, "0g": 0, "": 0, "m": 0, "1e9": 0, "0x10": 0, "1_000": 0, "+5": 0, ".5g": 0, "5x": 0, "5mm": 0, "8192p": 0,
		"9223372036854775808": 0, "1g 2m": 0,
	} {
		j, err := job.Parse("job", fmt.Appendf(nil, "name: x\nworkflows: {run: {start: {action: a}}}\nactions: {a: {image: i, memory: '%s'}}", text))
		switch {
		case text == "" || want > 0:
			if err != nil || j.Actions["a"].Memory != want {
				t.Errorf("memory %q: %v, want %d", text, err, want)
			}
		case err == nil:
			t.Errorf("memory %q is %d, want an error", text, j.Actions["a"].Memory)
		}
	}
}

func TestFinding(t *testing.T) {
	reason := errors.New("cannot do that")
	j := mustParse(t, settingsJob)
	got := j.Finding(j.Actions["work"].At["gpus"], reason)
	want := "job:16:11: cannot do that\n    16 |     gpus: \"device=0,GPU-1a2b\"\n       |           ^"
	if got.Detail() != want || !errors.Is(got, reason) {
		t.Errorf("finding:\n%s\nwant\n%s", got.Detail(), want)
	}
	if got := j.Finding(j.Actions["work"].At["env"], reason); strings.Contains(got.Detail(), "hunter2") || got.Line != 8 {
		t.Errorf("a line with values of the environment is shown: %s", got.Detail())
	}
	if got := j.Finding(job.Position{}, reason); got.Detail() != "job: cannot do that" {
		t.Errorf("finding without a place: %s", got.Detail())
	}
	hand := &job.Job{Name: "by hand"}
	if got := hand.Finding(job.Position{Line: 1, Column: 1}, reason); got.Detail() != `job "by hand": cannot do that` {
		t.Errorf("finding in a job without a document: %s", got.Detail())
	}
}
