package fake_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
)

var errInjected = errors.New("injected")

// calls makes each kind of call once, on a container "c" that has ended.
func calls(ctx context.Context, exec executor.Executor, p executor.Process) map[fake.Op]func() error {
	return map[fake.Op]func() error{
		fake.OpProbe:   func() error { _, err := exec.Probe(ctx); return err },
		fake.OpResolve: func() error { _, err := exec.Resolve(ctx, executor.ImageRequest{Ref: "x:1"}); return err },
		fake.OpStart:   func() error { _, err := exec.Start(ctx, spec("c")); return err },
		fake.OpAttach:  func() error { _, err := exec.Attach(ctx, p.Handle()); return err },
		fake.OpFollow:  func() error { return p.Follow(ctx, io.Discard, io.Discard) },
		fake.OpWait:    func() error { _, err := p.Wait(ctx); return err },
		fake.OpStop:    func() error { return p.Stop(ctx, time.Second) },
		fake.OpSweep:   func() error { _, err := exec.Sweep(ctx, map[string]string{"run": "none"}); return err },
		fake.OpRemove:  func() error { return p.Remove(ctx) },
	}
}

func TestEachCallCanFail(t *testing.T) {
	host, exec := newHost(t)
	p := start(t, exec, spec("c"))
	wantCode(t, p, 5)
	for _, after := range []bool{false, true} {
		for op, call := range calls(t.Context(), exec, p) {
			if after && op == fake.OpRemove {
				continue // the container is needed
			}
			remove := host.Inject(fake.Fault{Op: op, Err: errInjected, After: after})
			if err := call(); !errors.Is(err, errInjected) {
				t.Errorf("%s with a fault (after: %v): %v", op, after, err)
			}
			remove()
			if op == fake.OpRemove {
				continue
			}
			if err := call(); err != nil {
				t.Errorf("%s without the fault: %v", op, err)
			}
		}
	}
}

func TestEachCallCanHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := fake.NewHost()
		defer host.Close()
		host.AddImage("x:1", image())
		p := start(t, host.Executor(), spec("c"))
		wantCode(t, p, 5)
		defer host.Inject(fake.Fault{Hang: true})()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for op, call := range calls(ctx, host.Executor(), p) {
			if err := call(); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v, want the deadline", op, err)
			}
		}
	})
}

func TestFaultsChooseTheirCalls(t *testing.T) {
	host, exec := newHost(t)
	host.Inject(fake.Fault{Op: fake.OpStart, Subject: "b", Err: errInjected, Skip: 1, Times: 2})
	host.Inject(fake.Fault{Op: fake.OpStart, Labels: map[string]string{"step": "l"}, Err: errInjected, Times: 1})
	for i, tt := range []struct {
		id   string
		fail bool
	}{
		{"a", false},
		{"b", false},
		{"b", true},
		{"b", true},
		{"b", false},
		{"l", true},
		{"l", false},
	} {
		_, err := exec.Start(t.Context(), spec(tt.id))
		if errors.Is(err, errInjected) != tt.fail {
			t.Errorf("call %d, of %s: %v, want a fault: %v", i, tt.id, err, tt.fail)
		}
	}
}

// TestLostAnswer: the container was started, but nobody was told.
func TestLostAnswer(t *testing.T) {
	host, exec := newHost(t)
	host.Inject(fake.Fault{Op: fake.OpStart, After: true, Err: executor.ErrUnreachable, Times: 1})
	if _, err := exec.Start(t.Context(), spec("c")); !errors.Is(err, executor.ErrUnreachable) {
		t.Fatalf("Start: %v", err)
	}
	wantCode(t, start(t, exec, spec("c")), 5)
	if n := host.Executed("c"); n != 1 {
		t.Errorf("executed %d times, want once", n)
	}
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := fake.NewHost()
		defer host.Close()
		host.AddImage("x:1", image())
		host.Inject(fake.Fault{Op: fake.OpStart, Delay: time.Minute})
		began := time.Now()
		start(t, host.Executor(), spec("c"))
		if took := time.Since(began); took != time.Minute {
			t.Errorf("Start took %s, want 1m", took)
		}
	})
}

func TestCutFollow(t *testing.T) {
	host, exec := newHost(t)
	p := start(t, exec, spec("container"))
	wantCode(t, p, 5)
	host.Inject(fake.Fault{Op: fake.OpFollow, CutAfter: 4, Err: executor.ErrUnreachable, Times: 1})
	var out bytes.Buffer
	if err := p.Follow(t.Context(), &out, io.Discard); !errors.Is(err, executor.ErrUnreachable) || out.String() != "cont" {
		t.Errorf("cut Follow gives %q, %v", out.String(), err)
	}
	out.Reset()
	if err := p.Follow(t.Context(), &out, io.Discard); err != nil || out.String() != "container\n" {
		t.Errorf("the next Follow gives %q, %v", out.String(), err)
	}
}
