package executortest

import (
	"encoding/json"
	"sync"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest/probe"
)

func sameTests() []subtest {
	return []subtest{
		{name: "while running", run: testSameRunning},
		{name: "after its end", run: testSameEnded},
		{name: "from another process", run: testSameElsewhere},
		{name: "at once", run: testSameAtOnce},
		{name: "other settings", run: testSameOtherSettings},
		{name: "after removal", run: testSameAfterRemoval},
	}
}

func testSameRunning(t *test) {
	c := t.newCounter()
	spec := c.spec("trap", "9")
	p, f := t.running(spec)
	again := t.start(spec)
	if again.Handle() != p.Handle() {
		t.Errorf("the same ID gives %+v and %+v", p.Handle(), again.Handle())
	}
	t.stop(again, time.Minute)
	t.wantCode(t.wait(p), 9)
	t.wantCode(t.wait(again), 9)
	if err := f.end(); err != nil {
		t.Errorf("Follow: %v", err)
	}
	c.want(1)
}

func testSameEnded(t *test) {
	c := t.newCounter()
	spec := c.spec("print", "stdout", "once", "--", "exit", "8")
	t.wantCode(t.run(spec).exit, 8)
	r := t.run(spec)
	t.wantCode(r.exit, 8)
	if r.stdout != "once" {
		t.Errorf("stdout is %q, want once", r.stdout)
	}
	c.want(1)
}

func testSameElsewhere(t *test) {
	c := t.newCounter()
	spec := c.spec("trap", "7")
	p, err := t.other().Start(t.ctx(), spec)
	if err != nil {
		t.Fatalf("Start in another process: %v", err)
	}
	mine, f := t.running(spec)
	if mine.Handle() != p.Handle() {
		t.Errorf("the same ID gives %+v there and %+v here", p.Handle(), mine.Handle())
	}
	t.stop(mine, time.Minute)
	if err := f.end(); err != nil {
		t.Errorf("Follow: %v", err)
	}
	exit, err := p.Wait(t.ctx())
	if err != nil {
		t.Fatalf("Wait in another process: %v", err)
	}
	t.wantCode(exit, 7)
	c.want(1)
}

// testSameAtOnce races starters of one ID, over several clients.
func testSameAtOnce(t *test) {
	const starters = 16
	c := t.newCounter()
	spec := c.spec("print", "stdout", "one", "--", "exit", "0")
	clients := []executor.Executor{t.exec, t.s.cfg.New(t.T), t.s.cfg.New(t.T)}
	started := make([]executor.Process, starters)
	ctx := t.ctx()
	var all sync.WaitGroup
	for i := range starters {
		all.Go(func() {
			p, err := clients[i%len(clients)].Start(ctx, spec)
			if err != nil {
				t.Errorf("Start: %v", err)
				return
			}
			started[i] = p
		})
	}
	all.Wait()
	for _, p := range started {
		if p == nil {
			continue // reported above
		}
		if p.Handle() != started[0].Handle() {
			t.Errorf("one ID gives %+v and %+v", started[0].Handle(), p.Handle())
		}
		if out, _ := t.output(p); out != "one" {
			t.Errorf("stdout is %q, want one", out)
		}
		t.wantCode(t.wait(p), 0)
	}
	c.want(1)
}

func testSameOtherSettings(t *test) {
	spec := t.spec("exit", "3")
	t.wantCode(t.run(spec).exit, 3)
	spec.Args = []string{"exit", "4"}
	spec.Env = map[string]string{"NEW": "1"}
	t.wantCode(t.run(spec).exit, 3)
}

// testSameAfterRemoval: removing a container gives its ID free.
func testSameAfterRemoval(t *test) {
	c := t.newCounter()
	spec := c.spec("exit", "2")
	for n := 1; n <= 3; n++ {
		p := t.start(spec)
		t.wantCode(t.wait(p), 2)
		t.remove(p)
		c.want(n)
	}
}

func attachTests() []subtest {
	return []subtest{
		{name: "running", run: testAttachRunning},
		{name: "ended", run: testAttachEnded},
		{name: "from another process", run: testAttachElsewhere},
		{name: "unknown", run: testAttachUnknown},
		{name: "removed", run: testAttachRemoved},
	}
}

// attach goes the way of the journal: through JSON.
func (t *test) attach(exec executor.Executor, h executor.Handle) executor.Process {
	t.Helper()
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatalf("encode the handle: %v", err)
	}
	var read executor.Handle
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatalf("decode the handle: %v", err)
	}
	p, err := exec.Attach(t.ctx(), read)
	if err != nil {
		t.Fatalf("Attach(%s): %v", text, err)
	}
	if p.Handle() != h {
		t.Errorf("attached to %+v, want %+v", p.Handle(), h)
	}
	return p
}

func testAttachRunning(t *test) {
	p, _ := t.running(t.spec("trap", "11"))
	q := t.attach(t.s.cfg.New(t.T), p.Handle())
	f := t.follow(q)
	f.await(probe.Ready)
	t.stop(q, time.Minute)
	t.wantCode(t.wait(q), 11)
	t.wantCode(t.wait(p), 11)
	if err := f.end(); err != nil {
		t.Errorf("Follow: %v", err)
	}
}

func testAttachEnded(t *test) {
	p := t.start(t.spec("print", "stdout", "done", "--", "exit", "12"))
	t.wantCode(t.wait(p), 12)
	q := t.attach(t.s.cfg.New(t.T), p.Handle())
	if out, _ := t.output(q); out != "done" {
		t.Errorf("stdout is %q, want done", out)
	}
	t.wantCode(t.wait(q), 12)
}

// testAttachElsewhere starts in one process and goes on in others.
func testAttachElsewhere(t *test) {
	p, err := t.other().Start(t.ctx(), t.spec("trap", "13"))
	if err != nil {
		t.Fatalf("Start in another process: %v", err)
	}
	mine := t.attach(t.exec, p.Handle())
	t.follow(mine).await(probe.Ready)
	if err := t.attach(t.other(), p.Handle()).Stop(t.ctx(), time.Minute); err != nil {
		t.Fatalf("Stop in another process: %v", err)
	}
	there := t.attach(t.other(), p.Handle())
	exit, err := there.Wait(t.ctx())
	if err != nil {
		t.Fatalf("Wait in another process: %v", err)
	}
	t.wantCode(exit, 13)
	t.wantCode(t.wait(mine), 13)
	if err := there.Remove(t.ctx()); err != nil {
		t.Fatalf("Remove in another process: %v", err)
	}
	t.wantGone(mine)
}

func testAttachUnknown(t *test) {
	_, err := t.exec.Attach(t.ctx(), executor.Handle{Executor: t.s.info.Name, ID: "kogtest-unknown"})
	t.wantErr("Attach", err, executor.ErrNotFound)
	if _, err := t.exec.Attach(t.ctx(), executor.Handle{}); err == nil {
		t.Error("Attach with an empty handle gives no error")
	}
}

func testAttachRemoved(t *test) {
	p := t.start(t.spec("exit", "0"))
	h := p.Handle()
	t.wait(p)
	t.remove(p)
	for _, exec := range []executor.Executor{t.exec, t.other()} {
		_, err := exec.Attach(t.ctx(), h)
		t.wantErr("Attach", err, executor.ErrNotFound)
	}
}
