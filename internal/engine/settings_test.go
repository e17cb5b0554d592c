package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
	"gitlab.com/f5-pwe/kog/v3/internal/engine"
	"gitlab.com/f5-pwe/kog/v3/job"
)

const withSettings = `
name: settings
workflows:
  run:
    start: {action: set, success: plain}
    plain: {action: plain, duration: 5m}
actions:
  set:
    image: works
    version: 1
    entrypoint: [/bin/tool, -v]
    args: [""]
    user: 1000:1000
    working_dir: /work
    memory: 1m
    shm_size: 2m
    cpus: 0.5
    gpus: device=0,1
    network: lab
    privileged: true
    read_only: true
    init: true
    devices: [/dev/null:/dev/nothing:r]
    cap_add: [net_admin]
    cap_drop: [all]
    tmpfs: ["/scratch:size=1m"]
    extra_hosts: ["board:10.0.0.7"]
    dns: [9.9.9.9]
    labels: {team: lab}
    kubernetes: {tolerations: [{key: lab, tolerationSeconds: 30}]}
  plain: {image: works, version: 1}
`

// seeSpecs makes the image "works" keep the spec of each of its containers.
func seeSpecs(w *world) *[]executor.Spec {
	var seen []executor.Spec
	program := func(_ context.Context, p *fake.Proc) executor.Exit {
		seen = append(seen, p.Spec)
		_, _ = p.Stdout.Write([]byte("KOG:{\"result\":\"success\"}\n"))
		return executor.Exit{}
	}
	w.host.AddImage("works:1", fake.Image{Program: program})
	return &seen
}

func TestSettingsReachTheContainer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withSettings)
		defer w.host.Close()
		w.options.Network, w.options.Pull = executor.NetworkRun, string(executor.PullMissing)
		seen := seeSpecs(w)
		w.finish()
		if len(*seen) != 2 {
			t.Fatalf("%d containers, want 2", len(*seen))
		}
		set, plain := (*seen)[0], (*seen)[1]
		wantBox := executor.Sandbox{
			ID:     "kog-r-sandbox",
			Labels: map[string]string{engine.LabelRun: "r", engine.LabelCorrelation: "", engine.LabelJob: "settings"},
		}
		want := executor.Spec{
			ID: set.ID, Image: set.Image, Env: set.Env, Stdin: set.Stdin, Files: set.Files, Volumes: set.Volumes,
			Entrypoint: []string{"/bin/tool", "-v"}, Args: []string{""}, User: "1000:1000", WorkingDir: "/work",
			Network: "lab", Sandbox: wantBox, Memory: 1 << 20, ShmSize: 2 << 20, CPUs: 0.5, GPUs: executor.GPUs{IDs: []string{"0", "1"}},
			Privileged: true, ReadOnly: true, Init: true,
			Devices: []executor.Device{{Source: "/dev/null", Target: "/dev/nothing", Permissions: "r"}},
			CapAdd:  []string{"NET_ADMIN"}, CapDrop: []string{"ALL"},
			Tmpfs:      []executor.Tmpfs{{Target: "/scratch", Options: "size=1m"}},
			ExtraHosts: []executor.ExtraHost{{Name: "board", IP: "10.0.0.7"}}, DNS: []string{"9.9.9.9"},
			Pull: executor.PullMissing, Grace: 10 * time.Second,
			Kubernetes: map[string]any{"tolerations": []any{map[string]any{"key": "lab", "tolerationSeconds": json.Number("30")}}},
			Labels: map[string]string{
				"team": "lab", engine.LabelRun: "r", engine.LabelCorrelation: "", engine.LabelJob: "settings",
				engine.LabelWorkflow: "run", engine.LabelStep: "start", engine.LabelAttempt: "1",
			},
		}
		if diff := cmp.Diff(want, set); diff != "" {
			t.Errorf("spec (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(wantBox, plain.Sandbox); diff != "" || plain.Network != executor.NetworkRun {
			t.Errorf("network %q, sandbox (-want +got):\n%s", plain.Network, diff)
		}
	})
}

// TestKubernetesIsACopy: an executor may change what it gets.
func TestKubernetesIsACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withSettings)
		defer w.host.Close()
		seen := seeSpecs(w)
		w.finish()
		(*seen)[0].Kubernetes["tolerations"].([]any)[0].(map[string]any)["key"] = "changed"
		if got, _ := w.job.Actions["set"].Kubernetes.Lookup("tolerations.0.key"); got != "lab" {
			t.Errorf("the job has the key %q after an executor changed its own, want lab", got)
		}
	})
}

// TestBackstop: the engine ends a step later than kog, however long it took to
// start, and never one without a limit.
func TestBackstop(t *testing.T) {
	for duration, want := range map[string]time.Duration{
		"":            0,
		"5m":          16*time.Minute + 10*time.Second, // 1m to start, 5m, 10s grace, 10m
		"2562047h47m": 0,                               // as long as there is time
	} {
		synctest.Test(t, func(t *testing.T) {
			limit := ""
			if duration != "" {
				limit = ", duration: " + duration
			}
			w := newWorld(t, "name: x\nworkflows: {run: {start: {action: a"+limit+"}}}\nactions: {a: {image: works, version: 1}}")
			defer w.host.Close()
			seen := seeSpecs(w)
			w.finish()
			if got := (*seen)[0].Limit; got != want {
				t.Errorf("duration %q: limit %s, want %s", duration, got, want)
			}
		})
	}
}

// TestWorkspace: the containers of a run share one, and it goes with the run.
func TestWorkspace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withSettings)
		defer w.host.Close()
		w.options.Workspace = 1 << 30
		seen := seeSpecs(w)
		w.finish() // sees that nothing is left
		want := executor.Workspace{
			ID: "kog-r-workspace", Size: 1 << 30, Target: "/workspace",
			Labels: map[string]string{engine.LabelRun: "r", engine.LabelCorrelation: "", engine.LabelJob: "settings"},
		}
		for _, spec := range *seen {
			if diff := cmp.Diff(want, spec.Workspace); diff != "" {
				t.Errorf("workspace of %s (-want +got):\n%s", spec.ID, diff)
			}
		}
	})
}

// TestLabelsOfKogWin: what a job made by hand says about kog's labels counts
// for nothing.
func TestLabelsOfKogWin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withSettings)
		defer w.host.Close()
		w.job.Actions["set"].Labels = map[string]string{engine.LabelRun: "another"}
		seen := seeSpecs(w)
		w.finish()
		if got := (*seen)[0].Labels[engine.LabelRun]; got != "r" {
			t.Errorf("label %s is %q, want r", engine.LabelRun, got)
		}
	})
}

// TestSandboxTrouble: the sandbox of a run is removed by another try, and when
// none succeeds that is told and the outcome stays.
func TestSandboxTrouble(t *testing.T) {
	for name, tc := range map[string]struct {
		times int
		left  bool
	}{"once": {1, false}, "for ever": {1000, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, withSettings)
				defer w.host.Close()
				w.options.Network = executor.NetworkRun
				seeSpecs(w)
				w.host.Inject(fake.Fault{Op: fake.OpSweep, Times: tc.times, Err: errors.New("engine is busy")})
				var log bytes.Buffer
				w.change = func(cfg *engine.Config) { cfg.Logger = slog.New(slog.NewTextHandler(&log, nil)) }
				s, err := w.drive(context.Background())
				if err != nil || s.Finished == nil || s.Finished.Status != job.Success {
					t.Fatalf("state %+v, %v", s.Finished, err)
				}
				if left := len(w.host.Left()) > 0; left != tc.left {
					t.Errorf("left behind: %v", w.host.Left())
				}
				if told := strings.Contains(log.String(), "engine is busy"); told != tc.left {
					t.Errorf("the log says: %s", log.String())
				}
			})
		})
	}
}
