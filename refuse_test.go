package kog_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// limited is an executor that says it has no abilities but some.
type limited struct {
	executor.Executor
	has []executor.Feature
}

func (l limited) Probe(context.Context) (executor.Info, error) {
	info := executor.Info{Name: "limited", Features: map[executor.Feature]executor.Ability{
		executor.FeatureGPUs: {Why: "no driver"},
	}}
	for _, f := range l.has {
		info.Features[f] = executor.Ability{OK: true}
	}
	return info, nil
}

const demanding = `name: demanding
workflows:
  run:
    start: {action: flash, success: plain}
    plain: {action: plain, success: missing}
    missing: {action: missing}
actions:
  unused: {image: tool, version: 1, gpus: all}
  plain: {image: tool, version: 1, user: "0", entrypoint: [x], labels: {a: b}, working_dir: /}
  flash:
    image: tool
    env: {TOKEN: hunter2}
    user: flash
    memory: 1g
    shm_size: 1g
    cpus: 1
    gpus: 1
    network: lab
    privileged: true
    read_only: true
    init: true
    devices: [/dev/null]
    cap_add: [ALL]
    cap_drop: [ALL]
    tmpfs: [/tmp]
    extra_hosts: ["a:::1"]
    dns: ["::1"]
`

func refused(t *testing.T, document string, change func(*kog.Runner)) error {
	t.Helper()
	r, _ := newRunner(t)
	j, err := job.Parse("job.yaml", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	change(r)
	_, err = r.Run(context.Background(), kog.Request{Job: j})
	if runs, _ := os.ReadDir(filepath.Join(r.StateDir, "runs")); err != nil && len(runs) > 0 {
		t.Errorf("a run that was refused is kept: %v", runs)
	}
	return err
}

func TestSettingsAreRefusedAtLoad(t *testing.T) {
	err := refused(t, demanding, func(r *kog.Runner) { r.Executor = limited{r.Executor, nil} })
	found, ok := errors.AsType[job.SyntaxErrors](err)
	if !ok || found.Error() != err.Error() || !errors.Is(err, executor.ErrUnsupported) {
		t.Fatalf("error %T %v, want findings", err, err)
	}
	want := []string{
		"13:11 user", "14:13 memory", "15:15 shm_size", "16:11 cpus", "17:11 gpus", "18:14 network", "19:17 privileged", "20:16 read_only",
		"21:11 init", "22:14 devices", "23:14 cap_add", "24:15 cap_drop", "25:12 tmpfs", "26:18 extra_hosts", "27:10 dns",
	}
	got := make([]string, len(found))
	for i, f := range found {
		text := strings.TrimPrefix(f.Error(), "job.yaml:")
		place, rest, _ := strings.Cut(text, `: action "flash": `)
		key, _, _ := strings.Cut(rest, ":")
		got[i] = place + " " + key
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	const gpus = `job.yaml:17:11: action "flash": gpus: executor limited cannot do that here: no driver: not supported`
	if got := found[4].Detail(); got != gpus+"\n    17 |     gpus: 1\n       |           ^" {
		t.Errorf("finding:\n%s", got)
	}
}

func TestSettingsThatCanBeHonoured(t *testing.T) {
	if err := refused(t, strings.Replace(demanding, "action: flash, ", "action: plain, ", 1), func(r *kog.Runner) { r.Executor = limited{r.Executor, nil} }); err != nil {
		t.Errorf("a job that asks for nothing: %v", err)
	}
	if err := refused(t, demanding, func(*kog.Runner) {}); err != nil {
		t.Errorf("an executor that can do everything: %v", err)
	}
}

// TestWhatClustersLack: names of users and empty commands take abilities of their
// own, numbers, root and commands with a program do not.
func TestWhatClustersLack(t *testing.T) {
	document := func(settings string) string {
		return "name: x\nworkflows: {run: {start: {action: a}}}\nactions: {a: {image: tool, version: 1, " + settings + "}}"
	}
	for settings, want := range map[string]struct {
		needs executor.Feature
		key   string
	}{
		"user: '1000:20'":               {},
		"user: root":                    {},
		"user: '0:root'":                {},
		"user: tool":                    {executor.FeatureNamedUsers, "user"},
		"user: '1000:tool'":             {executor.FeatureNamedUsers, "user"},
		"entrypoint: []":                {executor.FeatureEmptyLists, "entrypoint"},
		"entrypoint: [], args: [x]":     {executor.FeatureEmptyLists, "entrypoint"},
		"args: []":                      {executor.FeatureEmptyLists, "args"},
		"entrypoint: [/tool], args: []": {},
	} {
		run := func(has ...executor.Feature) error {
			return refused(t, document(settings), func(r *kog.Runner) {
				r.Executor = limited{r.Executor, append(has, executor.FeatureUsers)}
			})
		}
		err := run()
		if want.key == "" {
			if err != nil {
				t.Errorf("%s: %v", settings, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), `action "a": `+want.key+": executor limited cannot do that") {
			t.Errorf("%s: error %v, want that %s is refused", settings, err, want.key)
		}
		if err := run(want.needs); err != nil {
			t.Errorf("%s: with the ability: %v", settings, err)
		}
	}
}

// TestSharedNamesAreRefused: an action cannot change what the containers of a
// run share, unless it has a network of its own.
func TestSharedNamesAreRefused(t *testing.T) {
	const document = "name: x\nworkflows: {run: {start: {action: a, success: s}, s: {action: own}}}\nactions:\n" +
		"  a: {image: tool, version: 1, dns: [9.9.9.9], extra_hosts: ['a:::1']}\n" +
		"  own: {image: tool, version: 1, dns: [9.9.9.9], network: host}\n"
	err := refused(t, document, func(r *kog.Runner) { r.Network = executor.NetworkRun })
	for _, part := range []string{"job.yaml:4:37: action \"a\": dns: with network run", "job.yaml:4:61: action \"a\": extra_hosts: with network run"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v, want %q", err, part)
		}
	}
	if err != nil && strings.Contains(err.Error(), `"own"`) {
		t.Errorf("an action with a network of its own is refused: %v", err)
	}
	if err := refused(t, document, func(*kog.Runner) {}); err != nil {
		t.Errorf("without network run: %v", err)
	}
}

func TestRequestsOfTheRunnerAreRefused(t *testing.T) {
	volume := func(text string) executor.Volume {
		v, err := executor.ParseVolume(text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, tt := range map[string]struct {
		change func(*kog.Runner)
		needs  executor.Feature
		want   string
	}{
		"run":              {func(r *kog.Runner) { r.Network = "run" }, executor.FeatureNetworkRun, "network run: executor limited cannot do that"},
		"none":             {func(r *kog.Runner) { r.Network = "none" }, executor.FeatureNetworkNone, "network none: "},
		"host":             {func(r *kog.Runner) { r.Network = "host" }, executor.FeatureNetworkHost, "network host: "},
		"a named network":  {func(r *kog.Runner) { r.Network = "lab" }, executor.FeatureNetworkNamed, "network lab: "},
		"a named volume":   {func(r *kog.Runner) { r.Volumes = []executor.Volume{volume("cache:/data")} }, executor.FeatureNamedVolumes, "volume cache:/data: "},
		"anonymous volume": {func(r *kog.Runner) { r.Volumes = []executor.Volume{volume("/data")} }, executor.FeatureNamedVolumes, "volume /data: "},
		"a secret":         {func(r *kog.Runner) { r.Volumes = []executor.Volume{volume("secret/key:/data")} }, executor.FeatureClusterVolumes, "volume secret/key:/data: "},
		"a workspace":      {func(r *kog.Runner) { r.Workspace = 1 << 30 }, executor.FeatureWorkspace, "workspace: "},
		"a host path":      {func(r *kog.Runner) { r.Volumes = []executor.Volume{volume("/tmp:/data")} }, executor.FeatureVolumes, "volume /tmp:/data: "},
	} {
		t.Run(name, func(t *testing.T) {
			without := func(r *kog.Runner) { r.Executor = limited{r.Executor, nil}; tt.change(r) }
			if err := refused(t, document, without); !errors.Is(err, executor.ErrUnsupported) || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			with := func(r *kog.Runner) {
				r.Executor = limited{r.Executor, []executor.Feature{tt.needs}}
				tt.change(r)
			}
			if err := refused(t, document, with); err != nil {
				t.Errorf("with the ability: %v", err)
			}
			both := func(r *kog.Runner) { without(r); r.Volumes = append(r.Volumes, volume("other:/other")) }
			err := refused(t, demanding, both)
			for _, part := range []string{tt.want, "volume other:/other: ", `job.yaml:17:11: action "flash": gpus`} {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("error %v, want all of it at once, %q too", err, part)
				}
			}
		})
	}
}

func TestWorkspaceWithoutSize(t *testing.T) {
	err := refused(t, document, func(r *kog.Runner) { r.Workspace = -1 })
	if err == nil || !strings.Contains(err.Error(), "workspace of -1 bytes") {
		t.Errorf("error %v, want that the size is wrong", err)
	}
}
