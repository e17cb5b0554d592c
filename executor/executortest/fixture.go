package executortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// test is one subtest with its own client. Its containers carry its label and
// are swept at its end, however it ends.
type test struct {
	*testing.T
	s    *suite
	exec executor.Executor
	id   string
	made int
}

func (s *suite) newTest(t *testing.T) *test {
	// Clean-ups run in reverse: sweep, close the client, look for goroutines.
	before := goroutines()
	t.Cleanup(func() { s.checkGoroutines(t, before) })
	x := &test{T: t, s: s, exec: s.cfg.New(t)}
	x.id = strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(t.Name()[strings.LastIndexByte(t.Name(), '/')+1:])), "-")
	x.id = "kogtest-" + s.id + "-" + x.id[:min(len(x.id), 30)]
	t.Cleanup(x.sweep)
	return x
}

func (t *test) sweep() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), t.s.cfg.Timeout)
	defer cancel()
	if _, err := t.exec.Sweep(ctx, t.labels()); err != nil {
		t.Errorf("clean up: %v", err)
	}
}

// ctx is for one call, or for some that belong together.
func (t *test) ctx() context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), t.s.cfg.Timeout)
	t.Cleanup(cancel)
	return ctx
}

// other is the executor in another process, or at least another client.
func (t *test) other() executor.Executor {
	if t.s.cfg.NewProcess != nil {
		return &remote{t: t.T, command: t.s.cfg.NewProcess}
	}
	return t.s.cfg.New(t.T)
}

func (t *test) labels() map[string]string {
	l := t.s.label()
	l["kog.test/case"] = t.id
	return l
}

// spec is for a container of the plain image that runs probe commands.
func (t *test) spec(args ...string) executor.Spec {
	t.made++
	id := fmt.Sprintf("%s-%d", t.id, t.made)
	return executor.Spec{ID: id, Image: t.s.plain, Args: args, Labels: t.labelsOf(id), Pull: executor.PullMissing}
}

// labelsOf mark one container.
func (t *test) labelsOf(id string) map[string]string {
	return with(t.labels(), map[string]string{"kog.test/container": id})
}

func (t *test) start(spec executor.Spec) executor.Process {
	t.Helper()
	p, err := t.exec.Start(t.ctx(), spec)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	return p
}

func (t *test) wait(p executor.Process) executor.Exit {
	t.Helper()
	exit, err := p.Wait(t.ctx())
	if err != nil {
		t.Fatalf("Wait: %v", err)
	}
	return exit
}

func (t *test) stop(p executor.Process, grace time.Duration) {
	t.Helper()
	if err := p.Stop(t.ctx(), grace); err != nil {
		t.Fatalf("Stop: %v", err)
	}
}

func (t *test) remove(p executor.Process) {
	t.Helper()
	if err := p.Remove(t.ctx()); err != nil {
		t.Fatalf("Remove: %v", err)
	}
}

// result is a container's whole life.
type result struct {
	exit           executor.Exit
	stdout, stderr string
}

// output reads what a container wrote, to its end.
func (t *test) output(p executor.Process) (stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	if e := p.Follow(t.ctx(), &out, &err); e != nil {
		t.Fatalf("Follow: %v", e)
	}
	return out.String(), err.String()
}

// run starts a container and sees it to its end.
func (t *test) run(spec executor.Spec) result {
	t.Helper()
	p := t.start(spec)
	var r result
	r.stdout, r.stderr = t.output(p)
	r.exit = t.wait(p)
	return r
}

// succeed runs probe commands that have to end with code 0, and gives stdout.
func (t *test) succeed(spec executor.Spec) string {
	t.Helper()
	r := t.run(spec)
	if r.exit.Code != 0 {
		t.Fatalf("%q: ended with %+v, want code 0; stderr: %s", spec.Args, r.exit, r.stderr)
	}
	return r.stdout
}

// refused checks that Start fails, and leaves nothing behind.
func (t *test) refused(spec executor.Spec) error {
	t.Helper()
	p, err := t.exec.Start(t.ctx(), spec)
	if err == nil {
		t.Fatalf("Start gives %+v, want an error", p.Handle())
	}
	n, sweepErr := t.exec.Sweep(t.ctx(), t.labelsOf(spec.ID))
	if sweepErr != nil {
		t.Fatalf("Sweep: %v", sweepErr)
	}
	if n != 0 {
		t.Errorf("Start failed (%v) and left %d containers behind", err, n)
	}
	return err
}

// wantErr checks an error against a sentinel.
func (t *test) wantErr(what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %q", what, err, want)
	}
}

// wantGone checks that no call finds a container any more.
func (t *test) wantGone(p executor.Process) {
	t.Helper()
	_, err := t.exec.Attach(t.ctx(), p.Handle())
	t.wantErr("Attach", err, executor.ErrNotFound)
	_, err = p.Wait(t.ctx())
	t.wantErr("Wait", err, executor.ErrNotFound)
	var out, errOut bytes.Buffer
	t.wantErr("Follow", p.Follow(t.ctx(), &out, &errOut), executor.ErrNotFound)
}

// wantCode checks an end by the container's own exit code.
func (t *test) wantCode(exit executor.Exit, code int) {
	t.Helper()
	if exit.Code != code || exit.OOMKilled {
		t.Errorf("ended with %+v, want code %d and no more", exit, code)
	}
}

// wantSignal checks an end by a signal.
func (t *test) wantSignal(exit executor.Exit, signal string, number int) {
	t.Helper()
	if exit.Code != 128+number {
		t.Errorf("ended with code %d, want %d for %s", exit.Code, 128+number, signal)
	}
	if exit.Signal != signal && (exit.Signal != "" || t.s.cfg.TellsSignals) {
		t.Errorf("ended by %q, want %s", exit.Signal, signal)
	}
}

// with merges environments and labels.
func with(list ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range list {
		maps.Copy(all, m)
	}
	return all
}

// commands joins probe commands into one command line.
func commands(list ...[]string) []string {
	var all []string
	for i, c := range list {
		if i > 0 {
			all = append(all, "--")
		}
		all = slices.Concat(all, c)
	}
	return all
}
