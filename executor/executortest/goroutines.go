package executortest

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// goroutines gives the stacks of all goroutines by their header up to the
// state, "goroutine 12".
func goroutines() map[string]string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	all := map[string]string{}
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		header, _, _ := strings.Cut(stack, " [")
		all[header] = stack
	}
	return all
}

// checkGoroutines fails the test when goroutines that began in it do not end.
// It looks again for a while: those of a call that has returned may still be
// on their way out.
func (s *suite) checkGoroutines(t *testing.T, before map[string]string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(min(s.cfg.Timeout, 10*time.Second))
	for {
		left := s.newGoroutines(before)
		if len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Errorf("%d goroutines of the client are left:\n\n%s", len(left), strings.Join(left, "\n\n"))
			return
		}
	}
}

func (s *suite) newGoroutines(before map[string]string) []string {
	var left []string
	for id, stack := range goroutines() {
		if _, known := before[id]; !known && !s.ignored(stack) {
			left = append(left, stack)
		}
	}
	return left
}

func (s *suite) ignored(stack string) bool {
	for _, part := range append([]string{"os/signal.signal_recv", "os/signal.loop", "runtime.gcBgMarkWorker"}, s.cfg.IgnoreGoroutines...) {
		if strings.Contains(stack, part) {
			return true
		}
	}
	return false
}
