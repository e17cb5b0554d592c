package executortest

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest/probe"
)

func cancelTests() []subtest {
	return []subtest{
		{name: "wait", run: testCancelWait},
		{name: "follow", run: testCancelFollow},
		{name: "killed caller", run: testKilledCaller},
		{name: "stop", run: testCancelStop},
		{name: "start", run: testCancelStart},
		{name: "everything", run: testCancelled},
		{name: "after start", run: testStartContext},
	}
}

// alive checks that a container still runs: it answers SIGTERM as ever.
func (t *test) alive(p executor.Process, code int) {
	t.Helper()
	t.stop(p, time.Minute)
	t.wantCode(t.wait(p), code)
}

func testCancelWait(t *test) {
	p, _ := t.running(t.spec("trap", "41"))
	ctx, cancel := context.WithCancel(t.ctx())
	done := make(chan error, 1)
	go func() {
		_, err := p.Wait(ctx)
		done <- err
	}()
	cancel()
	t.wantErr("Wait", <-done, context.Canceled)
	t.alive(p, 41)
}

func testCancelFollow(t *test) {
	p, f := t.running(t.spec("trap", "42"))
	f.cancel()
	t.wantErr("Follow", f.end(), context.Canceled)
	t.alive(p, 42)
}

// testKilledCaller: where calls are made by processes of their own, the one
// that follows is killed in the middle of it.
func testKilledCaller(t *test) {
	p, _ := t.running(t.spec("trap", "46"))
	q := t.attach(t.other(), p.Handle())
	ctx, cancel := context.WithCancel(t.ctx())
	done := make(chan error, 1)
	go func() { done <- q.Follow(ctx, io.Discard, io.Discard) }()
	cancel()
	t.wantErr("Follow", <-done, context.Canceled)
	t.alive(p, 46)
}

// testCancelStop cancels in the middle of the grace. What SIGTERM began goes
// on; the container is not killed for it.
func testCancelStop(t *test) {
	p, f := t.running(t.spec("stubborn"))
	ctx, cancel := context.WithCancel(t.ctx())
	done := make(chan error, 1)
	go func() { done <- p.Stop(ctx, time.Hour) }()
	f.await(probe.Caught)
	cancel()
	t.wantErr("Stop", <-done, context.Canceled)
	// A second SIGTERM is caught by the same program.
	t.stop(p, shortGrace)
	t.wantSignal(t.wait(p), "SIGKILL", 9)
	if err := f.end(); err != nil {
		t.Errorf("Follow: %v", err)
	}
	if n := lines(f.stdout.String(), probe.Caught); n < 2 {
		t.Errorf("SIGTERM was caught %d times, want twice: the cancelled Stop has killed it", n)
	}
}

// testCancelStart: afterwards the container may be there or not, and Start of
// the same ID makes the best of it.
func testCancelStart(t *test) {
	for i := range 5 {
		c := t.newCounter()
		spec := c.spec("exit", "43")
		ctx, cancel := context.WithCancel(t.ctx())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = t.exec.Start(ctx, spec) // it may succeed or not
		}()
		if i == 0 {
			cancel()
			<-done
		} else {
			// The later ones are cancelled while another call starts the same ID.
			go cancel()
			t.start(spec)
			<-done
		}
		t.wantCode(t.run(spec).exit, 43)
		c.want(1)
	}
}

// testCancelled makes every call with a ctx that has ended.
func testCancelled(t *test) {
	p, _ := t.running(t.spec("trap", "44"))
	ctx, cancel := context.WithCancel(t.ctx())
	cancel()
	_, err := p.Wait(ctx)
	t.wantErr("Wait", err, context.Canceled)
	t.wantErr("Follow", p.Follow(ctx, io.Discard, io.Discard), context.Canceled)
	t.wantErr("Stop", p.Stop(ctx, 0), context.Canceled)
	t.wantErr("Remove", p.Remove(ctx), context.Canceled)
	_, err = t.exec.Start(ctx, t.spec("exit", "0"))
	t.wantErr("Start", err, context.Canceled)
	_, err = t.exec.Sweep(ctx, t.labels())
	t.wantErr("Sweep", err, context.Canceled)
	t.alive(p, 44)
}

// testStartContext: the ctx of Start is that of the call, not the container's.
func testStartContext(t *test) {
	ctx, cancel := context.WithCancel(t.ctx())
	p, err := t.exec.Start(ctx, t.spec("trap", "45"))
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	cancel()
	t.follow(p).await(probe.Ready)
	t.alive(p, 45)
}

func sweepTests() []subtest {
	return []subtest{
		{name: "no labels", run: testSweepNoLabels},
		{name: "subset", run: testSweepSubset},
		{name: "running and ended", run: testSweepStates},
		{name: "odd labels", run: testSweepOddLabels},
		{name: "from another process", run: testSweepElsewhere},
	}
}

// sweepOf counts what Sweep finds.
func (t *test) sweepOf(labels map[string]string) int {
	t.Helper()
	n, err := t.exec.Sweep(t.ctx(), labels)
	if err != nil {
		t.Fatalf("Sweep(%v): %v", labels, err)
	}
	return n
}

func testSweepNoLabels(t *test) {
	p, _ := t.running(t.spec("trap", "51"))
	for _, labels := range []map[string]string{nil, {}} {
		if n, err := t.exec.Sweep(t.ctx(), labels); err == nil {
			t.Errorf("Sweep without labels gives %d and no error", n)
		}
	}
	t.alive(p, 51)
}

// testSweepSubset: all given labels have to be there, with their whole value.
func testSweepSubset(t *test) {
	labelled := func(extra map[string]string) executor.Process {
		spec := t.spec("trap", "52")
		spec.Labels = with(t.labels(), extra)
		p, _ := t.running(spec)
		return p
	}
	one := labelled(map[string]string{"kog.test/n": "1", "kog.test/kind": "a"})
	eleven := labelled(map[string]string{"kog.test/n": "11", "kog.test/kind": "a"})
	other := labelled(map[string]string{"kog.test/kind": "b"})

	for _, miss := range []map[string]string{
		{"kog.test/n": "1", "kog.test/kind": "b"}, {"kog.test/n": "2"}, {"kog.test/none": ""}, {"kog.test/n": ""},
	} {
		if n := t.sweepOf(with(t.labels(), miss)); n != 0 {
			t.Errorf("Sweep(%v) takes %d containers, want none", miss, n)
		}
	}
	if n := t.sweepOf(with(t.labels(), map[string]string{"kog.test/n": "1"})); n != 1 {
		t.Errorf("Sweep takes %d containers, want 1", n)
	}
	t.wantGone(one)
	if n := t.sweepOf(with(t.labels(), map[string]string{"kog.test/kind": "a"})); n != 1 {
		t.Errorf("Sweep takes %d containers, want 1", n)
	}
	t.wantGone(eleven)
	t.alive(other, 52)
}

func testSweepStates(t *test) {
	ended := t.start(t.spec("exit", "0"))
	t.wait(ended)
	stubborn, _ := t.running(t.spec("stubborn"))
	flooding := t.start(t.spec("flood"))
	if n := t.sweepOf(t.labels()); n != 3 {
		t.Errorf("Sweep takes %d containers, want 3", n)
	}
	for _, p := range []executor.Process{ended, stubborn, flooding} {
		t.wantGone(p)
	}
	if n := t.sweepOf(t.labels()); n != 0 {
		t.Errorf("a second Sweep takes %d containers, want none", n)
	}
}

func testSweepOddLabels(t *test) {
	odd := map[string]string{"kog.test/job": "Flash it, please=now!", "kog.test/utf": "grüße", "kog.test/empty": ""}
	spec := t.spec("exit", "0")
	spec.Labels = with(t.labels(), odd)
	p := t.start(spec)
	t.wait(p)
	if n := t.sweepOf(with(t.labels(), odd)); n != 1 {
		t.Errorf("Sweep takes %d containers, want 1", n)
	}
	t.wantGone(p)
}

func testSweepElsewhere(t *test) {
	p, _ := t.running(t.spec("hold"))
	if n, err := t.other().Sweep(t.ctx(), t.labels()); err != nil || n != 1 {
		t.Errorf("Sweep in another process gives %d, %v; want 1", n, err)
	}
	t.wantGone(p)
}

func manyTests() []subtest {
	return []subtest{{name: "at once", run: testManyAtOnce}}
}

// testManyAtOnce runs containers side by side, all of which hold until all run.
func testManyAtOnce(t *test) {
	const containers = 20
	specs := make([]executor.Spec, containers)
	for i := range specs {
		specs[i] = t.spec("print", "stdout", fmt.Sprintf("I am %d\n", i), "--", "trap", fmt.Sprint(60+i))
	}
	started := make([]executor.Process, containers)
	ctx := t.ctx()
	var all sync.WaitGroup
	for i := range specs {
		all.Go(func() {
			p, err := t.exec.Start(ctx, specs[i])
			if err != nil {
				t.Errorf("Start %d: %v", i, err)
			}
			started[i] = p
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	followers := make([]*follower, containers)
	for i, p := range started {
		followers[i] = t.follow(p)
		followers[i].await(probe.Ready)
	}
	for i, p := range started {
		all.Go(func() {
			if err := p.Stop(ctx, time.Minute); err != nil {
				t.Errorf("Stop %d: %v", i, err)
			}
		})
	}
	all.Wait()
	for i, p := range started {
		t.wantCode(t.wait(p), 60+i)
		want := fmt.Sprintf("I am %d\n%s\n%s\n", i, probe.Ready, probe.Caught)
		if err := followers[i].end(); err != nil || followers[i].stdout.String() != want {
			t.Errorf("container %d: stdout is %q, %v; want %q", i, followers[i].stdout, err, want)
		}
	}
}
