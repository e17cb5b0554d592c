package view_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/internal/screen"
	"gitlab.com/f5-pwe/kog/v3/internal/view"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// paper records what is drawn.
type paper struct {
	mu   sync.Mutex
	text strings.Builder
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

// take gives what was drawn since.
func (p *paper) take() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.text.Reset()
	return p.text.String()
}

func newScreen() (*screen.Screen, *paper) {
	p := &paper{}
	return screen.New(p, screen.Options{Size: func() screen.Size { return screen.Size{Width: 80, Height: 24} }}), p
}

func TestLiveInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, err := job.Parse("job.yaml", []byte("name: t\nworkflows: {run: {start: {action: a}}}\nactions: {a: {image: i}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		s, p := newScreen()
		v := view.NewLive(s, j, func(run string) string { return "/runs/" + run })
		var state event.State
		happen := func(payload event.Payload) {
			e := event.Event{Seq: state.Seq + 1, Run: "r", Time: time.Now(), Payload: payload}
			if state, err = state.Apply(e); err != nil {
				t.Fatal(err)
			}
			v.Handle(context.Background(), e, state)
		}
		drawn := func(after time.Duration, want string) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			if got := p.take(); !strings.Contains(got, want) {
				t.Errorf("no %q in\n%q", want, got)
			}
		}
		happen(event.RunStarted{Task: "t", Start: start, Executor: "fake"})
		happen(event.StepStarting{Attempt: 1, At: start, Action: "a", Duration: time.Minute})
		drawn(3500*time.Millisecond, "● start  starting, 3s  a\x1b[K\r\n")
		happen(event.StepStarted{Attempt: 1})
		drawn(4500*time.Millisecond, "● start  4s of 1m  ────────────  a\x1b[K\r\n")
		stdout, stderr, err := v.Open("r", *state.Open)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = stdout.Write([]byte("one\nKOG:{}\n"))
		_, _ = stderr.Write([]byte("two\n"))
		drawn(100*time.Millisecond, "  │ one\x1b[K\r\n  │ two\x1b[K\r\n")
		drawn(20*time.Second, "● start  24s of 1m  ━━━━────────  a\x1b[K\r\n")
		happen(event.StepFinished{Attempt: 1, At: start, Outcome: job.Failure, RC: 1})
		drawn(100*time.Millisecond, "✗ start       24s  failure, rc 1\r\n  │ one\r\n  │ two\r\n")
		happen(event.StepStarting{Attempt: 2, At: start, Action: "a", Duration: time.Minute})
		happen(event.StepFinished{Attempt: 2, At: start, Outcome: job.Abort, RC: 125, Message: "cannot start"})
		drawn(100*time.Millisecond, "■ start #2    0ms  abort, rc 125: cannot start\r\n\x1b[K")
		happen(event.StepStarting{Attempt: 3, At: start, Action: "a"})
		time.Sleep(24 * time.Second)
		v.Close()
		drawn(100*time.Millisecond, "● start    24s  left as it is\r\n")
		s.Close()
	})
}

func TestLogOnAScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newScreen()
		log := view.NewLog(s)
		log.Debug("not shown")
		shown := func(want string) {
			t.Helper()
			time.Sleep(time.Second)
			synctest.Wait()
			if got := p.take(); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
		log.Info("executor chosen", "executor", "native", "time", "odd\nvalue")
		shown("\rexecutor chosen  executor=native time=\"odd\\nvalue\"\r\n")
		log.With("a", 1).WithGroup("g").Warn("esc \x1b[2J", "msg", 2)
		shown("\r! esc   a=1 g.msg=2\r\n")
		s.Close()
		if log.Enabled(context.Background(), slog.LevelDebug) {
			t.Error("debug records are enabled")
		}
	})
}
