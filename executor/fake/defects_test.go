package fake_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
)

// defectVariable makes the test binary run the contract over an executor with
// that defect.
const defectVariable = "KOG_FAKE_DEFECT"

// hooks replace single calls of a good executor by bad ones. nil leaves one.
type hooks struct {
	start  func(ctx context.Context, e executor.Executor, s executor.Spec) (executor.Process, error)
	sweep  func(ctx context.Context, e executor.Executor, l map[string]string) (int, error)
	follow func(ctx context.Context, p executor.Process, out, err io.Writer) error
	wait   func(ctx context.Context, p executor.Process) (executor.Exit, error)
	stop   func(ctx context.Context, p executor.Process, grace time.Duration) error
	remove func(ctx context.Context, p executor.Process) error
}

// defects are mistakes that executors make, with the part of the contract that
// has to find each.
var defects = map[string]struct {
	finds string
	hooks hooks
}{
	"loses the last byte": {"output/last words", hooks{follow: func(ctx context.Context, p executor.Process, out, err io.Writer) error {
		var all bytes.Buffer
		e := p.Follow(ctx, &all, err)
		_, _ = out.Write(all.Bytes()[:max(0, all.Len()-1)])
		return e
	}}},
	"cuts long lines": {"output/long line", hooks{follow: func(ctx context.Context, p executor.Process, out, err io.Writer) error {
		return p.Follow(ctx, &limited{out, 16 << 20}, err)
	}}},
	"shows output at the end only": {"follow/live", hooks{follow: func(ctx context.Context, p executor.Process, out, err io.Writer) error {
		if _, e := p.Wait(ctx); e != nil {
			return e
		}
		return p.Follow(ctx, out, err)
	}}},
	"mixes the streams": {"output/apart", hooks{follow: func(ctx context.Context, p executor.Process, out, _ io.Writer) error {
		return p.Follow(ctx, out, out)
	}}},
	"hides write errors": {"follow/failing writer", hooks{follow: func(ctx context.Context, p executor.Process, out, err io.Writer) error {
		_ = p.Follow(ctx, out, err)
		return nil
	}}},
	"gone is success": {"remove/twice", hooks{wait: func(ctx context.Context, p executor.Process) (executor.Exit, error) {
		exit, _ := p.Wait(ctx)
		return exit, nil
	}}},
	"every end is success": {"exit/codes", hooks{wait: func(ctx context.Context, p executor.Process) (executor.Exit, error) {
		_, err := p.Wait(ctx)
		return executor.Exit{}, err
	}}},
	"takes each kill for memory": {"exit/killed", hooks{wait: func(ctx context.Context, p executor.Process) (executor.Exit, error) {
		exit, err := p.Wait(ctx)
		exit.OOMKilled = exit.Code == 137
		return exit, err
	}}},
	"cancelling kills": {"cancel/wait", hooks{wait: func(ctx context.Context, p executor.Process) (executor.Exit, error) {
		exit, err := p.Wait(ctx)
		if ctx.Err() != nil {
			_ = p.Stop(context.WithoutCancel(ctx), 0)
		}
		return exit, err
	}}},
	"kills without warning": {"stop/trapped", hooks{stop: func(ctx context.Context, p executor.Process, _ time.Duration) error {
		return p.Stop(ctx, 0)
	}}},
	"does not stop": {"stop/at once", hooks{stop: func(context.Context, executor.Process, time.Duration) error { return nil }}},
	"removes once": {"remove/twice", hooks{remove: func(ctx context.Context, p executor.Process) error {
		if _, err := p.Wait(ctx); err != nil {
			return err
		}
		return p.Remove(ctx)
	}}},
	"does not remove": {"remove/running", hooks{remove: func(ctx context.Context, p executor.Process) error { return p.Stop(ctx, 0) }}},
	"starts twice": {"same/after its end", hooks{start: func(ctx context.Context, e executor.Executor, s executor.Spec) (executor.Process, error) {
		s.ID = "again-" + strings.ToLower(rand.Text())
		return e.Start(ctx, s)
	}}},
	"lives in the call's time": {"cancel/after start", hooks{start: func(ctx context.Context, e executor.Executor, s executor.Spec) (executor.Process, error) {
		p, err := e.Start(ctx, s)
		if err != nil {
			return nil, err
		}
		return mortal{p, func() {
			if ctx.Err() != nil {
				_ = p.Stop(context.WithoutCancel(ctx), 0)
			}
		}}, nil
	}}},
	"leaves what failed": {"image/missing entrypoint", hooks{start: func(ctx context.Context, e executor.Executor, s executor.Spec) (executor.Process, error) {
		p, err := e.Start(ctx, s)
		if err != nil && s.Check() == nil {
			s.Entrypoint = []string{"/probe"}
			_, _ = e.Start(ctx, s)
		}
		return p, err
	}}},
	"forgets the user": {"settings/users", hooks{start: func(ctx context.Context, e executor.Executor, s executor.Spec) (executor.Process, error) {
		s.User = ""
		return e.Start(ctx, s)
	}}},
	"forgets read-only": {"volumes/read-only", hooks{start: func(ctx context.Context, e executor.Executor, s executor.Spec) (executor.Process, error) {
		for i := range s.Volumes {
			s.Volumes[i].ReadOnly = false
		}
		return e.Start(ctx, s)
	}}},
	"forgets the read-only root": {"isolation/read-only root", hooks{start: func(ctx context.Context, e executor.Executor, s executor.Spec) (executor.Process, error) {
		s.ReadOnly = false
		return e.Start(ctx, s)
	}}},
	"forgets extra hosts": {"isolation/extra hosts", hooks{start: func(ctx context.Context, e executor.Executor, s executor.Spec) (executor.Process, error) {
		s.ExtraHosts = nil
		return e.Start(ctx, s)
	}}},
	"sweeps everything": {"sweep/subset", hooks{sweep: func(ctx context.Context, e executor.Executor, l map[string]string) (int, error) {
		return e.Sweep(ctx, map[string]string{"kog.test/suite": l["kog.test/suite"]})
	}}},
	"sweeps without labels": {"sweep/no labels", hooks{sweep: func(ctx context.Context, e executor.Executor, l map[string]string) (int, error) {
		if len(l) == 0 {
			return 0, nil
		}
		return e.Sweep(ctx, l)
	}}},
	"leaks a goroutine": {"stdin/none", hooks{start: func(ctx context.Context, e executor.Executor, s executor.Spec) (executor.Process, error) {
		go func() { select {} }()
		return e.Start(ctx, s)
	}}},
}

// limited silently drops what passes a limit.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(l.left, len(p))
	l.left -= n
	_, err := l.w.Write(p[:n])
	return len(p), err
}

// broken is an executor with hooks.
type broken struct {
	executor.Executor
	h hooks
}

func (b broken) Start(ctx context.Context, s executor.Spec) (executor.Process, error) {
	start := executor.Executor.Start
	if b.h.start != nil {
		start = func(e executor.Executor, ctx context.Context, s executor.Spec) (executor.Process, error) {
			return b.h.start(ctx, e, s)
		}
	}
	return b.wrap(start(b.Executor, ctx, s))
}

func (b broken) Attach(ctx context.Context, h executor.Handle) (executor.Process, error) {
	return b.wrap(b.Executor.Attach(ctx, h))
}

func (b broken) wrap(p executor.Process, err error) (executor.Process, error) {
	if err != nil {
		return nil, err
	}
	return brokenProcess{p, b.h}, nil
}

func (b broken) Sweep(ctx context.Context, l map[string]string) (int, error) {
	if b.h.sweep != nil {
		return b.h.sweep(ctx, b.Executor, l)
	}
	return b.Executor.Sweep(ctx, l)
}

// mortal is a container that ends for a reason before anybody sees more of it.
type mortal struct {
	executor.Process
	end func()
}

func (m mortal) Follow(ctx context.Context, out, err io.Writer) error {
	m.end()
	return m.Process.Follow(ctx, out, err)
}

type brokenProcess struct {
	executor.Process
	h hooks
}

func (p brokenProcess) Follow(ctx context.Context, out, err io.Writer) error {
	if p.h.follow != nil {
		return p.h.follow(ctx, p.Process, out, err)
	}
	return p.Process.Follow(ctx, out, err)
}

func (p brokenProcess) Wait(ctx context.Context) (executor.Exit, error) {
	if p.h.wait != nil {
		return p.h.wait(ctx, p.Process)
	}
	return p.Process.Wait(ctx)
}

func (p brokenProcess) Stop(ctx context.Context, grace time.Duration) error {
	if p.h.stop != nil {
		return p.h.stop(ctx, p.Process, grace)
	}
	return p.Process.Stop(ctx, grace)
}

func (p brokenProcess) Remove(ctx context.Context) error {
	if p.h.remove != nil {
		return p.h.remove(ctx, p.Process)
	}
	return p.Process.Remove(ctx)
}

// TestDefective runs the contract over a broken executor, in a process of
// TestContractFindsDefects.
func TestDefective(t *testing.T) {
	d, ok := defects[os.Getenv(defectVariable)]
	if !ok {
		t.Skip("for TestContractFindsDefects only")
	}
	host := fake.NewHost()
	t.Cleanup(host.Close)
	cfg := config(host)
	cfg.New = func(*testing.T) executor.Executor { return broken{host.Executor(), d.hooks} }
	cfg.Timeout = 2 * time.Second
	executortest.Run(t, cfg)
}

// TestContractFindsDefects shows that the contract can fail.
func TestContractFindsDefects(t *testing.T) {
	probe, err := executortest.BuildProbe(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range defects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			subtest := strings.ReplaceAll(d.finds, " ", "_")
			pattern := "^TestDefective$/^" + strings.Replace(subtest, "/", "$/^", 1) + "$"
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+pattern, "-test.v")
			cmd.Env = append(os.Environ(), defectVariable+"="+name, executortest.ProbeVariable+"="+probe)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestDefective/"+subtest) {
				t.Errorf("%s does not find it (%v):\n%s", d.finds, err, out)
			}
		})
	}
}
