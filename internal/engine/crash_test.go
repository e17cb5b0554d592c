package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
	"gitlab.com/f5-pwe/kog/v3/internal/engine"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// everything is a job that meets most of what can happen: a loop, an unmet
// requirement, a time-out, an undefined action, an image that is not there, a
// context that changes, remediation. Its containers share a network.
const everything = `
name: everything
workflows:
  run:
    start: {action: works, success: flaky, duration: 1m}
    flaky: {action: flaky, success: slow, failure: flaky}
    slow: {action: hangs, timeout: unmet, duration: 2m}
    unmet: {action: unmet, abort: undefined}
    undefined: {action: nowhere, abort: absent}
    absent: {action: absent, abort: last}
    last: {action: remediates}
  remediate:
    start: {action: works}
actions:
  works: {image: works, version: 1}
  flaky: {image: flaky, version: 1}
  hangs: {image: hangs, version: 1}
  unmet: {image: works, version: 1, requirements: {env: [NOBODY_SETS_THIS]}}
  absent: {image: absent, version: 1}
  remediates: {image: remediates, version: 1}
`

func everythingWorld(t *testing.T) *world {
	w := newWorld(t, everything)
	w.options.Network = executor.NetworkRun
	w.image("hangs", hangs)
	w.image("remediates", says(`{"result":"remediatefailure","rc":3,"message":"broken"}`, time.Second))
	w.image("flaky", func(_ context.Context, p *fake.Proc) executor.Exit {
		return counts(p, 3)
	})
	return w
}

// counts fails until its nth visit, which it counts in the context.
func counts(p *fake.Proc, n int) executor.Exit {
	values, err := contextOf(p)
	if err != nil {
		_, _ = fmt.Fprintln(p.Stderr, err)
		return executor.Exit{Code: 2}
	}
	visits := len(values["step_results"].([]any))
	word := "failure"
	if visits >= n {
		word = "success"
	}
	_, _ = fmt.Fprintf(p.Stdout, "KOG:{\"result\":%q,\"message\":\"after %d\",\"context\":{\"seen\":%d}}\n", word, visits, visits)
	return executor.Exit{}
}

const everythingPath = `run/start success 0 ok
run/flaky failure 1 after 1
run/flaky failure 1 after 2
run/flaky success 0 after 3
run/slow timeout 124 not finished within 2m0s
run/unmet abort 125 requirements of action "unmet" are not met: missing environment variable NOBODY_SETS_THIS
run/undefined abort 125 action "nowhere" is not defined
run/absent abort 125 cannot start: %s
run/last failure 3 broken
remediate/start success 0 ok
end timeout not finished within 2m0s
`

// wantPath is the path without a crash; how the fake words a missing image is
// not this test's business.
func wantPath(t *testing.T, events []event.Event) string {
	t.Helper()
	for _, e := range events {
		if fin, ok := e.Payload.(event.StepFinished); ok && fin.At.Step == "absent" {
			return fmt.Sprintf(everythingPath, fin.Message[len("cannot start: "):])
		}
	}
	t.Fatal("the run never came to step absent")
	return ""
}

func TestRunTakesItsPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := everythingWorld(t)
		defer w.host.Close()
		s, events := w.finish()
		if got, want := path(events), wantPath(t, events); got != want {
			t.Errorf("path\n%swant\n%s", got, want)
		}
		if fmt.Sprint(s.Values["seen"]) != "3" || s.Attempts != 10 {
			t.Errorf("values %v after %d attempts", s.Values, s.Attempts)
		}
	})
}

// The crown: at every write of the journal the power is cut, before or after
// it lands; containers live on for five minutes; another process goes on.
func TestCrashMatrix(t *testing.T) {
	writes := 0
	synctest.Test(t, func(t *testing.T) {
		w := everythingWorld(t)
		defer w.host.Close()
		w.finish()
		writes = len(w.journal.lines)
	})
	if writes < 30 {
		t.Fatalf("only %d writes", writes)
	}
	for n := 1; n <= writes; n++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, after %v", n, after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := everythingWorld(t)
					defer w.host.Close()
					w.journal.cut, w.journal.after = n, after
					if _, err := w.drive(context.Background()); !errors.Is(err, errCut) {
						t.Fatalf("error %v, want the cut", err)
					}
					time.Sleep(5 * time.Minute)
					_, events := w.finish()
					if got, want := path(events), wantPath(t, events); got != want {
						t.Errorf("path\n%swant\n%s", got, want)
					}
				})
			})
		}
	}
}

// Power cuts over and over: every process lands only a few writes.
func TestManyCrashes(t *testing.T) {
	for landed := 2; landed <= 5; landed++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d writes each, after %v", landed, after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := everythingWorld(t)
					defer w.host.Close()
					var s event.State
					for range 1000 {
						// The first write only says that the run was resumed.
						w.journal.cut, w.journal.after = len(w.journal.lines)+landed, after
						if !after {
							w.journal.cut++
						}
						var err error
						if s, err = w.drive(context.Background()); err == nil {
							break
						}
						if !errors.Is(err, errCut) {
							t.Fatal(err)
						}
						time.Sleep(time.Second)
					}
					if s.Phase != event.PhaseFinished {
						t.Fatalf("phase %q", s.Phase)
					}
					_, events := w.journal.replay(t)
					if got, want := path(events), wantPath(t, events); got != want {
						t.Errorf("path\n%swant\n%s", got, want)
					}
					w.clean()
				})
			})
		}
	}
}

// A process that is told to leave leaves at once, wherever it is.
func TestCancelAnywhere(t *testing.T) {
	for ms := 500; ms < 140_000; ms += 3_700 {
		synctest.Test(t, func(t *testing.T) {
			w := everythingWorld(t)
			defer w.host.Close()
			gone := errors.New("told to leave")
			ctx, cancel := context.WithTimeoutCause(context.Background(), time.Duration(ms)*time.Millisecond, gone)
			defer cancel()
			began := time.Now()
			if _, err := w.drive(ctx); !errors.Is(err, gone) {
				t.Fatalf("error %v", err)
			}
			if took := time.Since(began); took != time.Duration(ms)*time.Millisecond {
				t.Errorf("left after %s, want %d ms", took, ms)
			}
			_, events := w.finish()
			if got, want := path(events), wantPath(t, events); got != want {
				t.Errorf("path\n%swant\n%s", got, want)
			}
		})
	}
}

// Removal that fails is told, retried by the next process, and changes nothing.
func TestRemovalTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "name: x\nworkflows: {run: {start: {action: a}}}\nactions: {a: {image: works, version: 1}}")
		defer w.host.Close()
		w.host.Inject(fake.Fault{Op: fake.OpRemove, Times: 1, Err: errors.New("device busy")})
		s, err := w.drive(context.Background())
		if err != nil || s.Finished == nil || s.Finished.Status != job.Success || len(s.Leftovers) != 1 {
			t.Fatalf("state %+v, %v", s, err)
		}
		if s, err = w.drive(context.Background()); err != nil || len(s.Leftovers) != 0 {
			t.Fatalf("leftovers %v, %v", s.Leftovers, err)
		}
		w.clean()
	})
}

var _ engine.Journal = (*memory)(nil)
