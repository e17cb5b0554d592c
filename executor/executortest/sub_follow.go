package executortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor/executortest/probe"
)

func followTests() []subtest {
	return []subtest{
		{name: "live", run: testFollowLive},
		{name: "twice", run: testFollowTwice},
		{name: "two at once", run: testFollowTwoAtOnce},
		{name: "failing writer", run: testFollowFailingWriter},
		{name: "cancelled and again", run: testFollowAgain},
		{name: "stuck writer", run: testFollowStuckWriter},
		{name: "from another process", run: testFollowElsewhere},
	}
}

// testFollowLive: output comes while the container runs, not at its end.
func testFollowLive(t *test) {
	p, f := t.running(t.spec("trap", "0"))
	t.stop(p, time.Minute)
	if err := f.end(); err != nil {
		t.Errorf("Follow: %v", err)
	}
	if got, want := f.stdout.String(), probe.Ready+"\n"+probe.Caught+"\n"; got != want {
		t.Errorf("stdout is %q, want %q", got, want)
	}
}

func testFollowTwice(t *test) {
	p := t.start(t.spec("lines", "stdout", "1000", "again"))
	first, _ := t.output(p)
	second, _ := t.output(p)
	t.wantCode(t.wait(p), 0)
	third, _ := t.output(p)
	var want bytes.Buffer
	_ = probe.WriteLines(&want, "again", 1000) // a bytes.Buffer takes everything
	for i, got := range []string{first, second, third} {
		if got != want.String() {
			t.Errorf("the output has %d bytes at time %d, want %d", len(got), i+1, want.Len())
		}
	}
}

func testFollowTwoAtOnce(t *test) {
	p, early := t.running(t.spec("trap", "0"))
	late := t.follow(p)
	late.await(probe.Ready)
	t.stop(p, time.Minute)
	for _, f := range []*follower{early, late} {
		if err := f.end(); err != nil {
			t.Errorf("Follow: %v", err)
		}
		if got, want := f.stdout.String(), probe.Ready+"\n"+probe.Caught+"\n"; got != want {
			t.Errorf("stdout is %q, want %q", got, want)
		}
	}
}

// failAfter takes some bytes and then fails.
type failAfter struct {
	left int
	err  error
}

func (w *failAfter) Write(p []byte) (int, error) {
	if len(p) <= w.left {
		w.left -= len(p)
		return len(p), nil
	}
	n := w.left
	w.left = 0
	return n, w.err
}

func testFollowFailingWriter(t *test) {
	p := t.start(t.spec("lines", "stdout", "100000", "full"))
	full := errors.New("the disk of the test is full")
	t.wantErr("Follow", p.Follow(t.ctx(), &failAfter{left: 1000, err: full}, io.Discard), full)
	t.wantCode(t.wait(p), 0)
	got := newDigest()
	if err := p.Follow(t.ctx(), got, io.Discard); err != nil {
		t.Fatalf("Follow again: %v", err)
	}
	want := digestOf(func(w io.Writer) error { return probe.WriteLines(w, "full", 100_000) })
	if got.String() != want {
		t.Errorf("after a failed Follow stdout has %s, want %s", got, want)
	}
}

func testFollowAgain(t *test) {
	p, f := t.running(t.spec("trap", "4"))
	f.cancel()
	t.wantErr("cancelled Follow", f.end(), context.Canceled)
	again := t.follow(p)
	again.await(probe.Ready)
	t.stop(p, time.Minute)
	if err := again.end(); err != nil {
		t.Errorf("Follow: %v", err)
	}
	again.await(probe.Caught)
	t.wantCode(t.wait(p), 4)
}

// gate is a writer that blocks until it is opened.
type gate struct {
	open chan struct{}
	once sync.Once
	digest
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	return g.digest.Write(p)
}

// testFollowStuckWriter: a follower that does not read must not keep the
// container from running, nor lose anything.
func testFollowStuckWriter(t *test) {
	const size = 8 << 20
	p := t.start(t.spec("line", "stdout", fmt.Sprint(size)))
	g := &gate{open: make(chan struct{}), digest: *newDigest()}
	opened := func() { g.once.Do(func() { close(g.open) }) }
	done := make(chan error, 1)
	ctx := t.ctx()
	go func() { done <- p.Follow(ctx, g, io.Discard) }()
	t.Cleanup(opened)
	t.wantCode(t.wait(p), 0)
	opened()
	if err := <-done; err != nil {
		t.Fatalf("Follow: %v", err)
	}
	want := digestOf(func(w io.Writer) error { return probe.WriteLine(w, size) })
	if g.String() != want {
		t.Errorf("stdout has %s, want %s", &g.digest, want)
	}
}

func testFollowElsewhere(t *test) {
	p := t.start(t.spec("lines", "stdout", "5000", "far"))
	q, err := t.other().Attach(t.ctx(), p.Handle())
	if err != nil {
		t.Fatalf("Attach: %v", err)
	}
	here, _ := t.output(p)
	there, _ := t.output(q)
	if here != there || len(here) == 0 {
		t.Errorf("%d bytes of output here, %d in another process", len(here), len(there))
	}
}
