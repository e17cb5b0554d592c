package fake_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
)

func TestTimeIsVirtualInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := fake.NewHost()
		defer host.Close()
		host.AddImage("x:1", fake.Image{Program: func(ctx context.Context, p *fake.Proc) executor.Exit {
			p.Sleep(ctx, time.Hour)
			return executor.Exit{}
		}})
		began := time.Now()
		p := start(t, host.Executor(), spec("c"))
		exit, err := p.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !exit.StartedAt.Equal(began) || !exit.FinishedAt.Equal(began.Add(time.Hour)) {
			t.Errorf("ran from %s to %s, want one hour from %s", exit.StartedAt, exit.FinishedAt, began)
		}
	})
}

func TestStopWaitsForItsGraceInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := fake.NewHost()
		defer host.Close()
		host.AddImage("x:1", fake.Image{Program: func(ctx context.Context, p *fake.Proc) executor.Exit {
			p.Catch()
			<-ctx.Done()
			return executor.Exit{}
		}})
		p := start(t, host.Executor(), spec("c"))
		synctest.Wait() // until the program has said that it catches SIGTERM
		began := time.Now()
		if err := p.Stop(t.Context(), 10*time.Second); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("Stop took %s, want its grace of 10s", took)
		}
		wantCode(t, p, 137)
	})
}

func TestContainersOutliveTheirClient(t *testing.T) {
	host, first := newHost(t)
	ctx, cancel := context.WithCancel(t.Context())
	p, err := first.Start(ctx, spec("c", "hang"))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	q, err := host.Executor().Attach(t.Context(), p.Handle())
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Stop(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	wantCode(t, q, 137)
}

func TestLose(t *testing.T) {
	host, exec := newHost(t)
	p := start(t, exec, spec("c", "hang"))
	if !host.Lose("c") || host.Lose("c") || host.Lose("none") {
		t.Error("Lose does not tell what there was")
	}
	_, waitErr := p.Wait(t.Context())
	_, attachErr := exec.Attach(t.Context(), p.Handle())
	_, startErr := exec.Start(t.Context(), spec("c"))
	for what, err := range map[string]error{"Wait": waitErr, "Follow": follow(t, p), "Attach": attachErr, "Start": startErr} {
		if !errors.Is(err, executor.ErrNotFound) {
			t.Errorf("%s of a lost container: %v, want ErrNotFound", what, err)
		}
	}
	if err := p.Stop(t.Context(), time.Second); err != nil {
		t.Errorf("Stop of a lost container: %v", err)
	}
	if left := host.Left(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if err := p.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantCode(t, start(t, exec, spec("c")), 5)
}

func TestSignalFromOutside(t *testing.T) {
	host, exec := newHost(t)
	for name, code := range map[string]int{"SIGTERM": 143, "SIGKILL": 137, "SIGSEGV": 139} {
		p := start(t, exec, spec("c", "hang"))
		if !host.Signal("c", name) {
			t.Errorf("%s does not find the container", name)
		}
		exit, err := p.Wait(t.Context())
		if err != nil || exit.Code != code || exit.Signal != name {
			t.Errorf("%s ends it with %+v, %v", name, exit, err)
		}
		if host.Signal("c", name) {
			t.Errorf("%s reaches a container that has ended", name)
		}
		if err := p.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLogOfExecutions(t *testing.T) {
	host, exec := newHost(t)
	for _, id := range []string{"a", "b", "a"} {
		p := start(t, exec, spec(id))
		wantCode(t, p, 5)
		start(t, exec, spec(id)) // finds the same container
		if err := p.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	for _, e := range host.Executions() {
		ids = append(ids, e.ID)
		if e.Image != "x:1" || e.Labels["step"] != e.ID {
			t.Errorf("execution %+v", e)
		}
	}
	if !slices.Equal(ids, []string{"a", "b", "a"}) {
		t.Errorf("executed %v", ids)
	}
	if got := host.Repeated(); !slices.Equal(got, []string{"a"}) || host.Executed("a") != 2 || host.Executed("b") != 1 {
		t.Errorf("repeated: %v", got)
	}
	host.Record(false)
	start(t, exec, spec("c"))
	if host.Executed("c") != 0 {
		t.Error("the log goes on after it was switched off")
	}
	if left := host.Left(); !slices.Equal(left, []string{"c"}) {
		t.Errorf("left: %v, want c", left)
	}
}

func TestClosedHostIsUnreachable(t *testing.T) {
	host, exec := newHost(t)
	p := start(t, exec, spec("c", "hang"))
	host.Close()
	_, probeErr := exec.Probe(t.Context())
	_, resolveErr := exec.Resolve(t.Context(), executor.ImageRequest{Ref: "x:1"})
	_, startErr := exec.Start(t.Context(), spec("d"))
	_, attachErr := exec.Attach(t.Context(), p.Handle())
	_, sweepErr := exec.Sweep(t.Context(), map[string]string{"a": "b"})
	for what, err := range map[string]error{
		"Probe": probeErr, "Resolve": resolveErr, "Start": startErr, "Attach": attachErr, "Sweep": sweepErr,
	} {
		if !errors.Is(err, executor.ErrUnreachable) {
			t.Errorf("%s: %v, want ErrUnreachable", what, err)
		}
	}
}

// TestRemovedContainersAreForgotten keeps the fake fit for long benchmarks.
func TestRemovedContainersAreForgotten(t *testing.T) {
	host, exec := newHost(t)
	host.Record(false)
	live := func(n int) {
		for i := range n {
			p := start(t, exec, spec(fmt.Sprintf("c%d", i)))
			wantCode(t, p, 5)
			if err := p.Remove(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	live(1000)
	before := heap()
	live(20_000)
	if after := heap(); after > before+1<<20 {
		t.Errorf("the heap grew by %d bytes over 20000 containers", after-before)
	}
}

func TestPullPolicies(t *testing.T) {
	host, exec := newHost(t)
	host.Publish("r:1", image())
	resolve := func(ref string, policy executor.PullPolicy) (string, []executor.Progress, error) {
		var told []executor.Progress
		img, err := exec.Resolve(t.Context(), executor.ImageRequest{
			Ref: ref, Pull: policy, Progress: func(p executor.Progress) { told = append(told, p) },
		})
		return img.Pinned, told, err
	}
	if _, _, err := resolve("r:1", executor.PullNever); !errors.Is(err, executor.ErrImageNotFound) {
		t.Errorf("never, not pulled yet: %v", err)
	}
	if _, _, err := resolve("x:1", executor.PullAlways); !errors.Is(err, executor.ErrImageNotFound) {
		t.Errorf("always, local only: %v", err)
	}
	old, _, err := resolve("r:1", executor.PullMissing)
	if err != nil {
		t.Fatal(err)
	}
	host.Publish("r:1", image())
	if same, _, err := resolve("r:1", executor.PullMissing); err != nil || same != old {
		t.Errorf("missing pulls again: %s, %v", same, err)
	}
	moved, _, err := resolve("r:1", executor.PullAuto)
	if err != nil || moved == old {
		t.Errorf("auto does not pull: %s, %v", moved, err)
	}
	if pinned, _, err := resolve(old, executor.PullAuto); err != nil || pinned != old {
		t.Errorf("the pinned image is %s, %v after its tag has moved", pinned, err)
	}
	host.Withdraw("r:1")
	kept, told, err := resolve("r:1", executor.PullAuto)
	if err != nil || kept != moved || len(told) != 1 || !told[0].Warning {
		t.Errorf("a failed pull of an image that is here: %s, %v, %v", kept, told, err)
	}
	if _, _, err := resolve("r:1", executor.PullAlways); !errors.Is(err, executor.ErrImageNotFound) {
		t.Errorf("always, gone from the registry: %v", err)
	}
	host.RemoveImage("r:1")
	if _, _, err := resolve("r:1", executor.PullAuto); !errors.Is(err, executor.ErrImageNotFound) {
		t.Errorf("removed: %v", err)
	}
	host.SetFallback(image())
	if _, _, err := resolve("any:1", executor.PullAuto); err != nil {
		t.Errorf("fallback: %v", err)
	}
}
