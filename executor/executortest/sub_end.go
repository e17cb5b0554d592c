package executortest

import (
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest/probe"
)

// shortGrace is for containers that ignore SIGTERM anyway.
const shortGrace = 300 * time.Millisecond

func waitTests() []subtest {
	return []subtest{
		{name: "many times", run: testWaitManyTimes},
		{name: "many at once", run: testWaitAtOnce},
		{name: "without follow", run: testWaitOnly},
	}
}

func testWaitManyTimes(t *test) {
	p := t.start(t.spec("exit", "21"))
	first := t.wait(p)
	t.wantCode(first, 21)
	for range 5 {
		again := t.wait(p)
		if again.Code != first.Code || !again.FinishedAt.Equal(first.FinishedAt) {
			t.Errorf("Wait gives %+v, then %+v", first, again)
		}
	}
}

func testWaitAtOnce(t *test) {
	p, _ := t.running(t.spec("trap", "22"))
	ctx := t.ctx()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if exit, err := p.Wait(ctx); err != nil || exit.Code != 22 {
				t.Errorf("Wait gives %+v, %v; want code 22", exit, err)
			}
		})
	}
	t.stop(p, time.Minute)
	all.Wait()
}

// testWaitOnly: a container whose output nobody reads ends all the same, and
// the output is there later.
func testWaitOnly(t *test) {
	p := t.start(t.spec("lines", "stdout", "300000", "unread"))
	t.wantCode(t.wait(p), 0)
	got := newDigest()
	if err := p.Follow(t.ctx(), got, io.Discard); err != nil {
		t.Fatalf("Follow: %v", err)
	}
	want := digestOf(func(w io.Writer) error { return probe.WriteLines(w, "unread", 300_000) })
	if got.String() != want {
		t.Errorf("stdout has %s, want %s", got, want)
	}
}

func stopTests() []subtest {
	return []subtest{
		{name: "trapped", run: testStopTrapped},
		{name: "not trapped", run: testStopDefault},
		{name: "ignored", run: testStopIgnored},
		{name: "at once", run: testStopNoGrace},
		{name: "ended", run: testStopEnded},
		{name: "removed", run: testStopRemoved},
		{name: "twice at the same time", run: testStopTwice},
		{name: "from another process", run: testStopElsewhere},
	}
}

func testStopTrapped(t *test) {
	p, f := t.running(t.spec("trap", "31"))
	t.stop(p, time.Minute)
	t.wantCode(t.wait(p), 31)
	if err := f.end(); err != nil {
		t.Errorf("Follow: %v", err)
	}
	f.await(probe.Caught)
}

func testStopDefault(t *test) {
	p, _ := t.running(t.spec("hold"))
	t.stop(p, time.Minute)
	t.wantTerm(t.wait(p))
}

// wantTerm checks the end by a SIGTERM that the program did not trap. It
// exits with that code by itself where the kernel would not kill it.
func (t *test) wantTerm(exit executor.Exit) {
	t.Helper()
	if exit.Code != 143 || exit.Signal != "" && exit.Signal != "SIGTERM" || exit.OOMKilled {
		t.Errorf("ended with %+v, want code 143 for SIGTERM", exit)
	}
}

// testStopIgnored: SIGTERM comes first, and SIGKILL when the grace is over.
func testStopIgnored(t *test) {
	p, f := t.running(t.spec("stubborn"))
	t.stop(p, shortGrace)
	exit := t.wait(p)
	t.wantSignal(exit, "SIGKILL", 9)
	if exit.OOMKilled {
		t.Error("a stopped container is told as out of memory")
	}
	if err := f.end(); err != nil {
		t.Errorf("Follow: %v", err)
	}
	f.await(probe.Caught)
}

func testStopNoGrace(t *test) {
	for _, grace := range []time.Duration{0, -time.Second} {
		p, _ := t.running(t.spec("stubborn"))
		t.stop(p, grace)
		t.wantSignal(t.wait(p), "SIGKILL", 9)
	}
}

func testStopEnded(t *test) {
	p := t.start(t.spec("exit", "32"))
	t.wantCode(t.wait(p), 32)
	t.stop(p, time.Minute)
	t.stop(p, 0)
	t.wantCode(t.wait(p), 32)
}

func testStopRemoved(t *test) {
	p := t.start(t.spec("exit", "0"))
	t.remove(p)
	t.stop(p, time.Minute)
	t.stop(p, 0)
}

func testStopTwice(t *test) {
	p, _ := t.running(t.spec("trap", "33"))
	ctx := t.ctx()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := p.Stop(ctx, time.Minute); err != nil {
				t.Errorf("Stop: %v", err)
			}
		})
	}
	all.Wait()
	t.wantCode(t.wait(p), 33)
}

func testStopElsewhere(t *test) {
	p, _ := t.running(t.spec("trap", "34"))
	if err := t.attach(t.other(), p.Handle()).Stop(t.ctx(), time.Minute); err != nil {
		t.Fatalf("Stop in another process: %v", err)
	}
	t.wantCode(t.wait(p), 34)
}

func removeTests() []subtest {
	return []subtest{
		{name: "twice", run: testRemoveTwice},
		{name: "running", run: testRemoveRunning},
		{name: "while followed", run: testRemoveWhileFollowed},
		{name: "at once", run: testRemoveAtOnce},
		{name: "from another process", run: testRemoveElsewhere},
	}
}

func testRemoveTwice(t *test) {
	p := t.start(t.spec("exit", "0"))
	t.wait(p)
	t.remove(p)
	t.remove(p)
	t.wantGone(p)
}

func testRemoveRunning(t *test) {
	p, _ := t.running(t.spec("stubborn"))
	t.remove(p)
	t.wantGone(p)
}

// testRemoveWhileFollowed: those who wait on a container are told. It may have
// ended for them, or be gone, but never with success.
func testRemoveWhileFollowed(t *test) {
	p := t.start(t.spec("flood"))
	f := t.follow(p)
	f.await("flood 1")
	waited := make(chan error, 1)
	ctx := t.ctx()
	go func() {
		exit, err := p.Wait(ctx)
		if err == nil && exit.Code == 0 {
			err = errors.New("a removed container is told as success")
		}
		waited <- err
	}()
	t.remove(p)
	if err := <-waited; err != nil && !errors.Is(err, executor.ErrNotFound) {
		t.Errorf("Wait: %v", err)
	}
	if err := f.end(); err != nil && !errors.Is(err, executor.ErrNotFound) {
		t.Errorf("Follow: %v", err)
	}
	t.wantGone(p)
}

func testRemoveAtOnce(t *test) {
	p, _ := t.running(t.spec("hold"))
	ctx := t.ctx()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := p.Remove(ctx); err != nil {
				t.Errorf("Remove: %v", err)
			}
		})
	}
	all.Wait()
	t.wantGone(p)
}

func testRemoveElsewhere(t *test) {
	p, _ := t.running(t.spec("hold"))
	if err := t.attach(t.other(), p.Handle()).Remove(t.ctx()); err != nil {
		t.Fatalf("Remove in another process: %v", err)
	}
	t.wantGone(p)
	t.remove(p)
}

// lines counts the lines of a text that are a given one.
func lines(text, line string) int {
	n := 0
	for l := range strings.Lines(text) {
		if strings.TrimRight(l, "\n") == line {
			n++
		}
	}
	return n
}
