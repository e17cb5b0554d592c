package kog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3"
	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// rehearser is an executor that looks at specs beforehand.
type rehearser struct {
	executor.Executor
	look func(context.Context, executor.Spec) error
}

func (r rehearser) Rehearse(ctx context.Context, spec executor.Spec) error { return r.look(ctx, spec) }

const clustered = `name: clustered
workflows:
  run:
    start: {action: flash, duration: 5m, success: test}
    test: {action: test, success: again}
    again: {action: flash}
actions:
  unused: {image: tool, version: 1}
  test: {image: tool, version: 1}
  flash:
    image: tool
    version: 1
    env: {TOKEN: hunter2}
    labels: {team: lab}
    gpus: 1
    kubernetes:
      tolerations:
      - {effect: Never}
      - {operator: Exists}
context: {board: 7}
`

func mistake(key, text string) error {
	return &executor.SettingError{Key: key, Err: errors.New(text)}
}

// isFlash tells the two actions of the job apart.
func isFlash(spec executor.Spec) bool { return spec.Kubernetes != nil }

// TestRehearsal: what an executor finds is told at its place, with all else that
// is refused, before there is anything of the run on disk.
func TestRehearsal(t *testing.T) {
	errQuota := errors.New("may not create jobs")
	for name, tt := range map[string]struct {
		flash, test error
		change      func(*kog.Runner)
		want        string
	}{
		"nothing": {nil, nil, nil, ""},
		"settings": {
			fmt.Errorf("job: %w", errors.Join(
				mistake("kubernetes.tolerations[1].key", "is needed"), mistake("kubernetes.tolerations[0].effect", "no such effect"),
			)), mistake("gpus", "none here"), nil,
			`job.yaml:9:3: action "test": gpus: none here
job.yaml:18:18: action "flash": kubernetes.tolerations[0].effect: no such effect
job.yaml:19:9: action "flash": kubernetes.tolerations[1].key: is needed`,
		},
		"two mistakes at one place": {
			errors.Join(mistake("kubernetes.x", "unknown"), mistake("kubernetes.x", "and ugly")), nil, nil,
			`job.yaml:17:7: action "flash": kubernetes.x: unknown
job.yaml:17:7: action "flash": kubernetes.x: and ugly`,
		},
		"no place": {
			errors.Join(mistake("image", "bad name"), errQuota), errQuota, nil,
			`action "flash", "test": may not create jobs
job.yaml:11:12: action "flash": image: bad name`,
		},
		"with other refusals": {
			errors.Join(mistake("kubernetes", "is empty"), mistake("gpus", "told already")),
			fmt.Errorf("network lab: %w", executor.ErrUnsupported),
			func(r *kog.Runner) {
				r.Network = "lab"
				r.Executor = rehearser{limited{r.Executor, nil}, r.Executor.(rehearser).look}
			},
			`network lab: executor limited cannot do that: not supported
job.yaml:15:11: action "flash": gpus: executor limited cannot do that here: no driver: not supported
job.yaml:17:7: action "flash": kubernetes: is empty`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := refused(t, clustered, func(r *kog.Runner) {
				runs := filepath.Join(r.StateDir, "runs")
				r.Executor = rehearser{r.Executor, func(_ context.Context, spec executor.Spec) error {
					if entries, _ := os.ReadDir(runs); len(entries) > 0 {
						t.Errorf("there are runs on disk during the rehearsal: %v", entries)
					}
					if isFlash(spec) {
						return tt.flash
					}
					return tt.test
				}}
				if tt.change != nil {
					tt.change(r)
				}
			})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if _, only := errors.AsType[job.SyntaxErrors](err); only != strings.Contains(tt.want, "job.yaml") {
				t.Errorf("error %T", err)
			}
		})
	}
}

// TestRehearsalHasTheSpec compares what is rehearsed with what is started.
func TestRehearsalHasTheSpec(t *testing.T) {
	r, _ := newRunner(t)
	r.Workspace, r.Pull, r.Env = 1<<30, executor.PullMissing, map[string]string{"STAGE": "lab"}
	r.Volumes = []executor.Volume{{Source: "/srv", Target: "/data"}}
	rehearsed := make(chan executor.Spec, 2)
	var first executor.Spec
	r.Executor = starter{rehearser{r.Executor, func(_ context.Context, spec executor.Spec) error {
		rehearsed <- spec
		return nil
	}}, func(spec executor.Spec) {
		if first.ID == "" {
			first = spec
		}
	}}
	j, err := job.Parse("job.yaml", []byte(clustered))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(context.Background(), kog.Request{Job: j, RunID: "nightly"}); err != nil {
		t.Fatal(err)
	}
	close(rehearsed)
	n := 0
	for got := range rehearsed {
		n++
		if !isFlash(got) {
			continue
		}
		got.ID, got.Image, got.Stdin = first.ID, first.Image, first.Stdin // these depend on the visit and the image
		got.Labels["io.kog.step"], got.Files[0].Data, got.Env["KOG_CONTEXT"] = "start", first.Files[0].Data, first.Env["KOG_CONTEXT"]
		got.Limit, first.Progress = first.Limit, nil
		if diff := cmp.Diff(first, got); diff != "" {
			t.Errorf("spec (-started +rehearsed):\n%s", diff)
		}
	}
	if n != 2 {
		t.Errorf("%d rehearsals, want one for each action that a step runs", n)
	}
}

// starter sees what is started.
type starter struct {
	rehearser
	see func(executor.Spec)
}

func (s starter) Start(ctx context.Context, spec executor.Spec) (executor.Process, error) {
	s.see(spec)
	return s.rehearser.Start(ctx, spec)
}

// TestManyRehearsals: they are held beside each other, but not all at once.
func TestManyRehearsals(t *testing.T) {
	const actions = 30
	text := "name: many\nworkflows:\n  run:\n"
	for i := range actions {
		text += fmt.Sprintf("    s%d: {action: a%d}\n", i, i)
	}
	text += "current_step: s0\nactions:\n"
	for i := range actions {
		text += fmt.Sprintf("    a%d: {image: tool, version: 1}\n", i)
	}
	var mu sync.Mutex
	now, most, all := 0, 0, 0
	met := make(chan struct{})
	err := refused(t, text, func(r *kog.Runner) {
		r.Executor = rehearser{r.Executor, func(context.Context, executor.Spec) error {
			mu.Lock()
			now, all = now+1, all+1
			most = max(most, now)
			if all == 2 {
				close(met)
			}
			mu.Unlock()
			<-met // two are there together
			mu.Lock()
			defer mu.Unlock()
			now--
			return nil
		}}
	})
	if err != nil || all != actions || most > 8 {
		t.Errorf("%d rehearsals, at most %d at once, %v; want %d, at most 8 at once", all, most, err, actions)
	}
}

// TestRehearsalIsCancelled: the end of the caller's context is no mistake in the job.
func TestRehearsalIsCancelled(t *testing.T) {
	r, _ := newRunner(t)
	ctx, cancel := context.WithCancel(context.Background())
	r.Executor = rehearser{r.Executor, func(context.Context, executor.Spec) error {
		cancel()
		return mistake("image", "is not looked at any more")
	}}
	_, err := r.Run(ctx, kog.Request{Job: parse(t)})
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "image") {
		t.Errorf("error %v, want that of the context", err)
	}
}

// TestResumeDoesNotRehearse: a run that has begun goes on.
func TestResumeDoesNotRehearse(t *testing.T) {
	r, host := newRunner(t)
	ctx, cancel := context.WithCancel(context.Background())
	r.Sink = sinkFunc(func(e event.Event) {
		if e.Payload.Kind() == "step_starting" {
			cancel()
		}
	})
	if _, err := r.Run(ctx, kog.Request{Job: parse(t), RunID: "left"}); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want that of the context", err)
	}
	r.Sink = nil
	r.Executor = rehearser{host.Executor(), func(context.Context, executor.Spec) error {
		t.Error("a run that goes on is rehearsed")
		return nil
	}}
	if res, err := r.Resume(context.Background(), "left"); err != nil || res.Status != job.Success {
		t.Errorf("result %+v, %v", res, err)
	}
}
