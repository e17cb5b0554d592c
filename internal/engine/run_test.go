package engine_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
	"gitlab.com/f5-pwe/kog/v3/internal/engine"
)

// oneStep is a job with one step, which is cleaned up after an abort.
const oneStep = `
name: one
workflows:
  run:
    start: {action: a, abort: clean, %s}
    clean: {action: works}
actions:
  a: {image: a, version: 1}
  works: {image: works, version: 1}
`

// inWorld runs f in virtual time, on a job whose first step runs p.
func inWorld(t *testing.T, extra string, p fake.Program, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, fmt.Sprintf(oneStep, extra))
		defer w.host.Close()
		w.image("a", p)
		f(w)
	})
}

func wantEnd(t *testing.T, events []event.Event, want string) {
	t.Helper()
	if got := path(events); got != want {
		t.Errorf("path\n%swant\n%s", got, want)
	}
}

// interruptAfter makes the run's interrupt come at a moment.
func interruptAfter(w *world, d time.Duration) {
	c := make(chan struct{}, 1)
	w.change = func(cfg *engine.Config) { cfg.Interrupt = c }
	go func() {
		time.Sleep(d)
		c <- struct{}{}
	}()
}

const cleaned = "run/clean success 0 ok\n"

func TestInterrupt(t *testing.T) {
	for name, tc := range map[string]struct {
		after   time.Duration
		arrange func(w *world)
		want    string
	}{
		"while it runs": {time.Second, nil, "run/start abort 130 interrupted\n" + cleaned + "end abort interrupted\n"},
		"before it starts": {
			0, func(w *world) { time.Sleep(time.Second) },
			"run/start abort 130 interrupted before it started\n" + cleaned + "end abort interrupted before it started\n",
		},
		"while its image is pulled": {
			time.Second, func(w *world) { w.host.Inject(fake.Fault{Op: fake.OpResolve, Times: 1, Hang: true}) },
			"run/start abort 130 interrupted while it was starting\n" + cleaned + "end abort interrupted while it was starting\n",
		},
		"while it starts": {
			time.Second, func(w *world) { w.host.Inject(fake.Fault{Op: fake.OpStart, Times: 1, After: true, Hang: true}) },
			"run/start abort 130 interrupted while it was starting\n" + cleaned + "end abort interrupted while it was starting\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "duration: 1h", hangs, func(w *world) {
				interruptAfter(w, tc.after)
				if tc.arrange != nil {
					tc.arrange(w)
				}
				_, events := w.finish()
				wantEnd(t, events, tc.want)
			})
		})
	}
}

// A container that traps SIGTERM may say how it ended; what counts is that it
// was interrupted.
func TestStopIsGraceful(t *testing.T) {
	inWorld(t, "duration: 1m", func(ctx context.Context, p *fake.Proc) executor.Exit {
		select {
		case <-p.Catch():
			time.Sleep(3 * time.Second)
			_, _ = fmt.Fprintln(p.Stdout, `KOG:{"result":"success","message":"too late"}`)
			return executor.Exit{Code: 0}
		case <-ctx.Done():
			return fake.SignalExit("SIGKILL")
		}
	}, func(w *world) {
		_, events := w.finish()
		wantEnd(t, events, "run/start timeout 124 not finished within 1m0s\nend timeout not finished within 1m0s\n")
		if took := events[len(events)-1].Time.Sub(events[0].Time); took != 63*time.Second {
			t.Errorf("took %s, want 1m3s", took)
		}
	})
}

func TestResultBeforeTheTimeoutCounts(t *testing.T) {
	inWorld(t, "duration: 1m", func(ctx context.Context, p *fake.Proc) executor.Exit {
		_, _ = fmt.Fprintln(p.Stdout, `KOG:{"result":"success","message":"in time","context":{"x":1}}`)
		return hangs(ctx, p)
	}, func(w *world) {
		s, events := w.finish()
		wantEnd(t, events, "run/start success 0 in time\nend success in time\n")
		if fmt.Sprint(s.Values["x"]) != "1" {
			t.Errorf("values %v", s.Values)
		}
	})
}

func TestStartTimeout(t *testing.T) {
	for _, op := range []fake.Op{fake.OpResolve, fake.OpStart} {
		inWorld(t, "duration: 1h", hangs, func(w *world) {
			w.host.Inject(fake.Fault{Op: op, Times: 1, After: op == fake.OpStart, Hang: true})
			_, events := w.finish()
			wantEnd(t, events, "run/start abort 125 did not start within 1m0s\n"+cleaned+"end abort did not start within 1m0s\n")
		})
	}
}

// pending is an engine whose first container waits for something, and says so.
type pending struct {
	executor.Executor
	said []executor.Progress
}

func (p pending) Start(ctx context.Context, spec executor.Spec) (executor.Process, error) {
	if spec.ID != "kog-r-1" {
		return p.Executor.Start(ctx, spec)
	}
	for _, what := range p.said {
		spec.Progress(what)
	}
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// TestStartTimeoutSaysWhy: the latest warning is the best guess at the reason.
func TestStartTimeoutSaysWhy(t *testing.T) {
	inWorld(t, "duration: 1h", hangs, func(w *world) {
		w.change = func(cfg *engine.Config) {
			cfg.Executor = pending{cfg.Executor, []executor.Progress{
				{Message: "no node is free", Warning: true},
				{Message: "2 nodes have a taint", Warning: true},
				{Message: "waiting for a node"},
			}}
		}
		_, events := w.finish()
		const why = "did not start within 1m0s: 2 nodes have a taint\n"
		wantEnd(t, events, "run/start abort 125 "+why+cleaned+"end abort "+why)
	})
}

func TestGoneIsNeverSuccess(t *testing.T) {
	inWorld(t, "duration: 1h", func(ctx context.Context, p *fake.Proc) executor.Exit {
		_, _ = fmt.Fprintln(p.Stdout, `KOG:{"result":"success"}`)
		return hangs(ctx, p)
	}, func(w *world) {
		go func() {
			time.Sleep(time.Second)
			w.host.Lose("kog-r-1")
		}()
		_, events := w.finish()
		wantEnd(t, events, "run/start abort 125 the container is gone, its result is unknown\n"+cleaned+
			"end abort the container is gone, its result is unknown\n")
	})
}

// Lost connections, in whatever call, are got over.
func TestLostConnections(t *testing.T) {
	long := func(_ context.Context, p *fake.Proc) executor.Exit {
		for i := range 100 {
			_, _ = fmt.Fprintln(p.Stdout, "line", i)
			time.Sleep(100 * time.Millisecond)
		}
		_, _ = fmt.Fprintln(p.Stdout, `KOG:{"result":"success","message":"whole"}`)
		return executor.Exit{}
	}
	for _, fault := range []fake.Fault{
		{Op: fake.OpFollow, Times: 4, CutAfter: 50, Err: executor.ErrUnreachable},
		{Op: fake.OpWait, Times: 3, Err: executor.ErrUnreachable},
		{Op: fake.OpAttach, Times: 2, Err: executor.ErrUnreachable},
	} {
		t.Run(string(fault.Op), func(t *testing.T) {
			inWorld(t, "duration: 1h", long, func(w *world) {
				var out buffers
				w.change = func(cfg *engine.Config) { cfg.Output = &out }
				if fault.Op == fake.OpAttach {
					w.host.Inject(fake.Fault{Op: fake.OpWait, Times: 1, Err: executor.ErrUnreachable})
				}
				w.host.Inject(fault)
				_, events := w.finish()
				wantEnd(t, events, "run/start success 0 whole\nend success whole\n")
				if n := strings.Count(out.stdout.String(), "line"); n != 100 {
					t.Errorf("%d lines of output, want 100", n)
				}
			})
		})
	}
}

// An engine that stays away is kog's trouble, not the step's: the run can go on.
func TestEngineThatStaysAway(t *testing.T) {
	inWorld(t, "duration: 1h", says(`{"result":"success","message":"survived"}`, 10*time.Minute), func(w *world) {
		back := w.host.Inject(fake.Fault{Op: fake.OpWait, Err: executor.ErrUnreachable})
		s, err := w.drive(context.Background())
		if !errors.Is(err, executor.ErrUnreachable) || s.Open == nil {
			t.Fatalf("error %v, open step %v", err, s.Open)
		}
		back()
		_, events := w.finish()
		wantEnd(t, events, "run/start success 0 survived\nend success survived\n")
	})
}

// What kog was away for is judged by the container's own clock.
func TestAwayAtTheDeadline(t *testing.T) {
	for name, tc := range map[string]struct {
		program fake.Program
		want    string
	}{
		"it ended in time":  {says(`{"result":"success","message":"in time"}`, 30*time.Second), "run/start success 0 in time\nend success in time\n"},
		"it ended too late": {says(`{"result":"success"}`, 2*time.Minute), "run/start timeout 124 not finished within 1m0s\nend timeout not finished within 1m0s\n"},
		"it still runs":     {hangs, "run/start timeout 124 not finished within 1m0s\nend timeout not finished within 1m0s\n"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "duration: 1m", tc.program, func(w *world) {
				w.journal.cut, w.journal.after = 3, true
				if _, err := w.drive(context.Background()); !errors.Is(err, errCut) {
					t.Fatal(err)
				}
				time.Sleep(time.Hour)
				_, events := w.finish()
				wantEnd(t, events, tc.want)
			})
		})
	}
}

func TestWhatAContainerGets(t *testing.T) {
	for name, tc := range map[string]struct {
		imageEnv map[string]string
		size     int
		inEnv    bool
		onStdin  bool
		inFile   string
		refused  bool
	}{
		"new image":             {map[string]string{"KOG_ENV_CONTEXT": "true"}, 10, true, false, "/run/kog/context.json", false},
		"older image":           {nil, 10, true, true, "/run/kog/context.json", false},
		"reads the file":        {map[string]string{"KOG_ENV_CONTEXT": "true", "KOG_CONTEXT_FILE": "/x/c.json"}, 10, true, false, "/x/c.json", false},
		"big, reads the file":   {map[string]string{"KOG_ENV_CONTEXT": "true", "KOG_CONTEXT_FILE": "/x/c.json"}, 1 << 20, false, false, "/x/c.json", false},
		"big, older image":      {nil, 1 << 20, false, true, "/run/kog/context.json", false},
		"big, environment only": {map[string]string{"KOG_ENV_CONTEXT": "true"}, 1 << 20, false, false, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "name: n\nworkflows: {run: {start: {action: a}}}\nactions: {a: {image: a, version: 1, env: {A: action, B: action}}}\ncontext: {pad: "+strings.Repeat("x", tc.size)+"}")
				defer w.host.Close()
				var proc *fake.Proc
				var stdin []byte
				w.host.AddImage("a:1", fake.Image{Config: executor.ImageConfig{Env: tc.imageEnv}, Program: func(_ context.Context, p *fake.Proc) executor.Exit {
					proc = p
					stdin, _ = io.ReadAll(p.Stdin)
					_, _ = fmt.Fprintln(p.Stdout, `KOG:{"result":"success"}`)
					return executor.Exit{}
				}})
				w.change = func(cfg *engine.Config) {
					cfg.BaseEnv = map[string]string{"A": "base", "C": "base"}
					cfg.Env = map[string]string{"B": "over", "KOG_CONTEXT": "forged"}
				}
				_, events := w.finish()
				if tc.refused {
					if proc != nil || !strings.Contains(path(events), "run/start abort 125 cannot start: context too large") {
						t.Errorf("started %v, path %s", proc != nil, path(events))
					}
					return
				}
				encoded, inEnv := proc.Getenv("KOG_CONTEXT")
				file, _ := proc.Getenv("KOG_CONTEXT_FILE")
				if inEnv != tc.inEnv || (len(stdin) > 0) != tc.onStdin || file != tc.inFile {
					t.Fatalf("environment %v, stdin %d bytes, file %q", inEnv, len(stdin), file)
				}
				doc := proc.Spec.Files[0].Data
				if proc.Spec.Files[0].Path != file || !strings.Contains(string(doc), `"step_name":"start"`) {
					t.Errorf("file %s: %.80s", proc.Spec.Files[0].Path, doc)
				}
				want := base64.StdEncoding.EncodeToString(doc)
				if inEnv && encoded != want || tc.onStdin && string(stdin) != want+"\n" {
					t.Error("the environment or standard input is not the file's content")
				}
				for k, v := range map[string]string{"A": "action", "B": "over", "C": "base"} {
					if got, _ := proc.Getenv(k); got != v {
						t.Errorf("%s=%s, want %s", k, got, v)
					}
				}
				if proc.Spec.Labels[engine.LabelRun] != "r" || proc.Spec.Labels[engine.LabelStep] != "start" {
					t.Errorf("labels %v", proc.Spec.Labels)
				}
			})
		})
	}
}

// The image that a reference stood for at first is used for the whole run.
func TestMovedTagIsNotFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "name: n\nworkflows: {run: {start: {action: a, success: two}, two: {action: a}}}\nactions: {a: {image: a, version: 1}}")
		defer w.host.Close()
		w.host.AddImage("a:1", fake.Image{Program: func(context.Context, *fake.Proc) executor.Exit { return executor.Exit{} }})
		w.host.AddImage("a:1", fake.Image{Program: func(_ context.Context, p *fake.Proc) executor.Exit {
			w.image("a", says(`{"result":"success","message":"new"}`, 0))
			_, _ = fmt.Fprintln(p.Stdout, `KOG:{"result":"success","message":"old"}`)
			return executor.Exit{}
		}})
		_, events := w.finish()
		wantEnd(t, events, "run/start success 0 old\nrun/two success 0 old\nend success old\n")
	})
}

// Output that the engine has deleted is not asked for again. The result counts if
// it is in what is left.
func TestOutputThatIsLost(t *testing.T) {
	lost := fmt.Errorf("the node has deleted it: %w", executor.ErrOutputLost)
	for name, tc := range map[string]struct{ prints, ends string }{
		"before the result": {`KOG:{"result":"success","message":"known"}`, "run/start success 0 known\nend success known\n"},
		"with the result": {"a line", "run/start abort 125 the result is unknown: follow container kog-r-1: the node has deleted it: a part of the output may be lost\n" +
			cleaned + "end abort the result is unknown: follow container kog-r-1: the node has deleted it: a part of the output may be lost\n"},
	} {
		t.Run(name, func(t *testing.T) {
			program := func(_ context.Context, p *fake.Proc) executor.Exit {
				_, _ = fmt.Fprintln(p.Stdout, tc.prints)
				return executor.Exit{}
			}
			inWorld(t, "duration: 1h", program, func(w *world) {
				w.host.Inject(fake.Fault{Op: fake.OpFollow, After: true, Err: lost})
				_, events := w.finish()
				wantEnd(t, events, tc.ends)
				fin := events[slices.IndexFunc(events, func(e event.Event) bool { return e.Payload.Kind() == "step_finished" })].Payload.(event.StepFinished)
				if len(fin.Warnings) != 1 || !strings.Contains(fin.Warnings[0], "the log is not complete: ") {
					t.Errorf("warnings %q", fin.Warnings)
				}
			})
		})
	}
}

// Output goes on while the end cannot be asked for.
func TestOutputIsReadOnce(t *testing.T) {
	inWorld(t, "duration: 1h", says(`{"result":"success","message":"once"}`, time.Minute), func(w *world) {
		w.host.Inject(fake.Fault{Op: fake.OpWait, Times: 4, Err: executor.ErrUnreachable})
		w.host.Inject(fake.Fault{Op: fake.OpFollow, Skip: 1, Err: errors.New("read again")})
		_, events := w.finish()
		wantEnd(t, events, "run/start success 0 once\nend success once\n")
	})
}

func TestOutputThatCannotBeKept(t *testing.T) {
	inWorld(t, "duration: 1h", says(`{"result":"success"}`, 0), func(w *world) {
		w.change = func(cfg *engine.Config) { cfg.Output = full{} }
		_, events := w.finish()
		wantEnd(t, events, "run/start success 0 \nend success \n")
		fin := events[slices.IndexFunc(events, func(e event.Event) bool { return e.Payload.Kind() == "step_finished" })].Payload.(event.StepFinished)
		if len(fin.Warnings) != 1 || !strings.Contains(fin.Warnings[0], "log of stdout is not complete: disk full") {
			t.Errorf("warnings %q", fin.Warnings)
		}
	})
}

// full is an Output on a full disk.
type full struct{}

func (full) Open(string, event.OpenStep) (stdout, stderr io.WriteCloser, err error) {
	return full{}, full{}, nil
}
func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }
func (full) Close() error              { return nil }

// seen is a Sink that remembers.
type seen []event.Event

func (s *seen) Handle(_ context.Context, e event.Event, _ event.State) { *s = append(*s, e) }

func TestSinkHearsWhatIsWritten(t *testing.T) {
	inWorld(t, "duration: 1h", says(`{"result":"success"}`, 0), func(w *world) {
		var sink seen
		w.change = func(cfg *engine.Config) { cfg.Sink = &sink }
		_, events := w.finish()
		var written []event.Event
		for _, e := range sink {
			if e.Seq > 0 {
				written = append(written, e)
			}
		}
		if len(written) != len(events) {
			t.Errorf("the sink heard %d events, the journal has %d", len(written), len(events))
		}
	})
}

// Leaving while a step is being stopped decides nothing: whoever goes on finds
// the step as it was.
func TestLeaveWhileStopping(t *testing.T) {
	for range 20 { // the end of the watch and the end of ctx come in any order
		inWorld(t, "duration: 1h", hangs, func(w *world) {
			back := w.host.Inject(fake.Fault{Op: fake.OpFollow, Hang: true})
			interruptAfter(w, time.Second)
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			s, err := w.drive(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || s.Open == nil || s.Open.Stopping == nil {
				w.t.Fatalf("error %v, open step %+v", err, s.Open)
			}
			back()
			_, events := w.finish()
			wantEnd(w.t, events, "run/start abort 130 interrupted\n"+cleaned+"end abort interrupted\n")
		})
	}
}

// source is an engine that forgets an image as soon as it has resolved it.
type source struct {
	executor.Executor
	// pins are what the job's reference stands for, one time after the other.
	pins  []string
	asked *[]string
}

func (s source) Resolve(_ context.Context, req executor.ImageRequest) (executor.Image, error) {
	*s.asked = append(*s.asked, req.Ref)
	if req.Ref != "works:1" {
		return executor.Image{}, fmt.Errorf("image %s: %w", req.Ref, executor.ErrImageNotFound)
	}
	n := len(slices.DeleteFunc(slices.Clone(*s.asked), func(ref string) bool { return ref != req.Ref }))
	return executor.Image{Ref: req.Ref, Pinned: s.pins[n-1]}, nil
}

func (s source) Start(ctx context.Context, spec executor.Spec) (executor.Process, error) {
	spec.Image = "works:1"
	return s.Executor.Start(ctx, spec)
}

// TestImageIsGone: a run goes on with the image that it began with, or not.
func TestImageIsGone(t *testing.T) {
	const document = "name: t\nworkflows: {run: {start: {action: a, success: b}, b: {action: a}}}\nactions: {a: {image: 'works:1'}}\n"
	for name, tc := range map[string]struct {
		pins, asked []string
		want        string
	}{
		"the same": {[]string{"id-1", "id-1"}, []string{"works:1", "id-1", "works:1"}, "run/b success 0 ok\nend success ok\n"},
		"another": {
			[]string{"id-1", "id-2"},
			[]string{"works:1", "id-1", "works:1"},
			"run/b abort 125 cannot start: image id-1: image not found\nend abort cannot start: image id-1: image not found\n",
		},
		"of a registry": {
			[]string{"r@sha256:1"},
			[]string{"works:1", "r@sha256:1"},
			"run/b abort 125 cannot start: image r@sha256:1: image not found\nend abort cannot start: image r@sha256:1: image not found\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, document)
				defer w.host.Close()
				var asked []string
				w.change = func(cfg *engine.Config) { cfg.Executor = source{cfg.Executor, tc.pins, &asked} }
				_, events := w.finish()
				wantEnd(t, events, "run/start success 0 ok\n"+tc.want)
				if !slices.Equal(asked, tc.asked) {
					t.Errorf("asked for %q, want %q", asked, tc.asked)
				}
			})
		})
	}
}
