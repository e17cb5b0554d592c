package notify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var all = []Kind{StepStart, StepEnd, JobEnd}

// scripted is a receiver that answers as it is told; nil takes everything.
type scripted struct {
	name   string
	answer func(ctx context.Context, try int, n Notification) error

	mu  sync.Mutex
	got []string
	// tries are the moments of all tries.
	tries []time.Time
}

func (s *scripted) Name() string { return s.name }
func (s *scripted) Key() string  { return s.name }

func (s *scripted) Notify(ctx context.Context, n Notification) error {
	s.mu.Lock()
	s.tries = append(s.tries, time.Now())
	try := len(s.tries)
	s.mu.Unlock()
	if s.answer != nil {
		if err := s.answer(ctx, try, n); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, n.ID)
	return nil
}

func hang(ctx context.Context, _ int, _ Notification) error {
	<-ctx.Done()
	return ctx.Err()
}

const everything = "[r1-2 r1-4 r1-5 r1-6 r1-8]"

func (s *scripted) check(t *testing.T, want string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := fmt.Sprint(s.got); got != want {
		t.Errorf("%s got %s, want %s", s.name, got, want)
	}
}

// end checks what End says.
func end(t *testing.T, set *Set, status, message string) {
	t.Helper()
	s, m := set.End(context.Background(), "r1")
	if s != status || m != message {
		t.Errorf("end: %q, %q; want %q, %q", s, m, status, message)
	}
}

// A receiver that hangs and one that fails do not hinder a third, and cost the
// run no more than the wait at its end.
func TestIndependentNotifiers(t *testing.T) {
	dir, s := t.TempDir(), newStory(t)
	synctest.Test(t, func(t *testing.T) {
		hung, good := &scripted{name: "hung", answer: hang}, &scripted{name: "good"}
		choosy := &scripted{name: "choosy", answer: func(_ context.Context, _ int, n Notification) error {
			if n.ID == "r1-4" {
				return &RefusedError{Reason: "answered 400 Bad Request"}
			}
			return nil
		}}
		set := New(Options{On: all}, hung, good, choosy)
		began := time.Now()
		set.Begin("r1", dir, s.job)
		s.tell(set, len(s.events))
		if took := time.Since(began); took != 0 {
			t.Errorf("the run waited %s", took)
		}
		end(t, set, "failed", "notifier 1 (hung): 5 not delivered, last trouble: no answer before the wait at the end of the run was over; "+
			"notifier 3 (choosy): 1 refused, last trouble: answered 400 Bad Request")
		if took := time.Since(began); took != DefaultTimeout {
			t.Errorf("the end waited %s", took)
		}
		good.check(t, everything)
		choosy.check(t, "[r1-2 r1-5 r1-6 r1-8]")
		if status, message := set.End(context.Background(), "r1"); status != "" || message != "" {
			t.Errorf("a run that is not open: %q, %q", status, message)
		}
	})
}

// Whoever cannot wait any more ends the wait.
func TestEndOfContext(t *testing.T) {
	dir, s := t.TempDir(), newStory(t)
	synctest.Test(t, func(t *testing.T) {
		set := New(Options{}, &scripted{name: "hung", answer: hang})
		set.Begin("r1", dir, s.job)
		s.tell(set, 2)
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		began := time.Now()
		if status, message := set.End(ctx, "r1"); status != "failed" || time.Since(began) != time.Second {
			t.Errorf("%q, %q after %s", status, message, time.Since(began))
		}
	})
}

func TestBackOff(t *testing.T) {
	dir, s := t.TempDir(), newStory(t)
	synctest.Test(t, func(t *testing.T) {
		flaky := &scripted{name: "flaky", answer: func(_ context.Context, try int, _ Notification) error {
			switch {
			case try <= 8:
				return errors.New("connection refused")
			case try == 9:
				return &BusyError{Reason: "answered 503 Service Unavailable", After: time.Hour}
			case try == 10:
				return &BusyError{Reason: "answered 500 Internal Server Error"}
			}
			return nil
		}}
		set := New(Options{}, flaky)
		set.Begin("r1", dir, s.job)
		s.tell(set, 4)
		time.Sleep(time.Hour)
		synctest.Wait()
		flaky.check(t, "[r1-2]")
		for i, limit := range []time.Duration{500, 1000, 2000, 4000, 8000, 16000, 30000, 30000} {
			limit *= time.Millisecond
			if wait := flaky.tries[i+1].Sub(flaky.tries[i]); wait > limit || wait <= limit/2 {
				t.Errorf("wait %d is %s, want at most %s and more than half of it", i+1, wait, limit)
			}
		}
		if wait := flaky.tries[9].Sub(flaky.tries[8]); wait != MaxRetryAfter {
			t.Errorf("waited %s when asked for an hour", wait)
		}
		end(t, set, "ok", "notifier 1 (flaky): all delivered, last trouble: answered 500 Internal Server Error")
	})
}

// The end of the run cuts a back-off short, but not what a receiver asked for.
func TestEndHurries(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"back-off":    {errors.New("connection refused"), "[r1-2]"},
		"Retry-After": {&BusyError{Reason: "answered 429 Too Many Requests", After: 4 * time.Minute}, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, s := t.TempDir(), newStory(t)
			synctest.Test(t, func(t *testing.T) {
				var up bool
				var mu sync.Mutex
				late := &scripted{name: "late", answer: func(context.Context, int, Notification) error {
					mu.Lock()
					defer mu.Unlock()
					if up {
						return nil
					}
					return tc.err
				}}
				set := New(Options{Timeout: 100 * time.Millisecond}, late)
				set.Begin("r1", dir, s.job)
				s.tell(set, 4)
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				mu.Lock()
				up = true
				mu.Unlock()
				set.End(context.Background(), "r1")
				late.check(t, tc.want)
			})
		})
	}
}

// A try that gets no answer ends by itself.
func TestHungTryIsRepeated(t *testing.T) {
	dir, s := t.TempDir(), newStory(t)
	synctest.Test(t, func(t *testing.T) {
		slow := &scripted{name: "slow", answer: func(ctx context.Context, try int, n Notification) error {
			if try == 1 {
				return hang(ctx, try, n)
			}
			return nil
		}}
		set := New(Options{}, slow)
		set.Begin("r1", dir, s.job)
		s.tell(set, 2)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		slow.check(t, "[r1-2]")
		end(t, set, "ok", "notifier 1 (slow): all delivered, last trouble: context deadline exceeded")
	})
}

// Wherever a run is left, and whatever became of the spool since, the next
// process tells the rest, in order, under the same IDs.
func TestGoOn(t *testing.T) {
	s := newStory(t)
	for cut := range len(s.events) + 1 {
		for lost, again := range map[string]bool{"nothing": false, spoolFile: false, cursorFile: true, ".": true} {
			dir := t.TempDir()
			first, second := &scripted{name: "x"}, &scripted{name: "x"}
			set := New(Options{On: all}, first)
			set.Begin("r1", dir, s.job)
			s.tell(set, cut)
			end(t, set, "ok", "")
			if err := os.RemoveAll(filepath.Join(dir, "1-x", lost)); err != nil {
				t.Fatal(err)
			}
			set = New(Options{On: all}, second)
			set.Begin("r1", dir, s.job)
			s.tell(set, len(s.events))
			end(t, set, "ok", "")
			got := append(first.got, second.got...)
			if again {
				got = second.got
			}
			if fmt.Sprint(got) != everything {
				t.Errorf("cut %d, lost %q: %v", cut, lost, got)
			}
		}
	}
}

// What was not delivered waits in the spool, with the very same body.
func TestDeadReceiverLosesNothing(t *testing.T) {
	dir, s := t.TempDir(), newStory(t)
	set := New(Options{Timeout: -1}, &scripted{name: "x", answer: hang})
	set.Begin("r1", dir, s.job)
	s.tell(set, 6)
	if status, _ := set.End(context.Background(), "r1"); status != "failed" {
		t.Errorf("status %q", status)
	}
	before, err := os.ReadFile(filepath.Join(dir, "1-x", spoolFile))
	if err != nil {
		t.Fatal(err)
	}
	x := &scripted{name: "x", answer: func(_ context.Context, _ int, n Notification) error {
		if !strings.Contains(string(before), string(n.Body)) {
			t.Errorf("another body for %s: %s", n.ID, n.Body)
		}
		return nil
	}}
	set = New(Options{}, x)
	set.Begin("r1", dir, s.job)
	s.tell(set, len(s.events))
	end(t, set, "ok", "")
	x.check(t, "[r1-2 r1-5]")
}

// A refusal stays in the account of a run that goes on.
func TestRefusalsAreRemembered(t *testing.T) {
	dir, s := t.TempDir(), newStory(t)
	for range 2 {
		set := New(Options{}, &scripted{name: "x", answer: func(context.Context, int, Notification) error {
			return &RefusedError{Reason: "answered 410 Gone"}
		}})
		set.Begin("r1", dir, s.job)
		s.tell(set, 3)
		end(t, set, "failed", "notifier 1 (x): 1 refused, last trouble: answered 410 Gone")
	}
}

func TestNotifierThatIsNotGivenAgain(t *testing.T) {
	dir, s := t.TempDir(), newStory(t)
	set := New(Options{Timeout: -1}, &scripted{name: "x", answer: hang})
	set.Begin("r1", dir, s.job)
	s.tell(set, 6)
	set.End(context.Background(), "r1")
	set = New(Options{}, &scripted{name: "y"})
	set.Begin("r1", dir, s.job)
	end(t, set, "failed", "spool 1-x of a notifier that was not given again: 2 not delivered")
}

// Trouble with the spool stops nothing and is told; the run that goes on makes
// up for it.
func TestSpoolThatCannotBeWritten(t *testing.T) {
	dir, s := t.TempDir(), newStory(t)
	if err := os.WriteFile(filepath.Join(dir, "1-x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	x := &scripted{name: "x"}
	set := New(Options{}, x)
	set.Begin("r1", dir, s.job)
	s.tell(set, len(s.events))
	status, message := set.End(context.Background(), "r1")
	if status != "failed" || !strings.HasPrefix(message, "notifier 1 (x): 2 not delivered, last trouble: open spool: ") {
		t.Errorf("%q, %q", status, message)
	}
	if err := os.Remove(filepath.Join(dir, "1-x")); err != nil {
		t.Fatal(err)
	}
	set = New(Options{}, x)
	set.Begin("r1", dir, s.job)
	box := set.runs["r1"].boxes[0]
	s.tell(set, 3)
	untilEmpty(t, box)
	_ = box.spool.file.Close()
	s.tell(set, len(s.events))
	if _, message = set.End(context.Background(), "r1"); !strings.Contains(message, "1 not delivered, last trouble: ") {
		t.Errorf("a spool that failed in mid-run: %q", message)
	}
	set = New(Options{}, x)
	set.Begin("r1", dir, s.job)
	s.tell(set, len(s.events))
	end(t, set, "ok", "")
	x.check(t, "[r1-2 r1-5]")
}

// untilEmpty waits until an outbox is empty.
func untilEmpty(t *testing.T, o *outbox) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if _, ok := o.first(); !ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("not delivered within a minute")
		}
	}
}

// Several runs share a set.
func TestRunsDoNotMix(t *testing.T) {
	s := newStory(t)
	x := &scripted{name: "x"}
	set := New(Options{}, x)
	var wg sync.WaitGroup
	for _, id := range []string{"a", "b", "c"} {
		dir := t.TempDir()
		wg.Go(func() {
			set.Begin(id, dir, s.job)
			for i, e := range s.events {
				e.Run = id
				set.Handle(context.Background(), e, s.states[i])
			}
			if status, message := set.End(context.Background(), id); status != "ok" || message != "" {
				t.Errorf("run %s: %q, %q", id, status, message)
			}
		})
	}
	wg.Wait()
	slices.Sort(x.got)
	x.check(t, "[a-2 a-5 b-2 b-5 c-2 c-5]")
}
