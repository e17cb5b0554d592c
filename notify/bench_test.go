package notify

import (
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// BenchmarkHandle measures what a run waits for at each step: a notification
// with a context of 10 kB into the spool of a receiver that hangs.
func BenchmarkHandle(b *testing.B) {
	s := newStory(b)
	set := New(Options{Timeout: -1}, &scripted{name: "hung", answer: hang})
	set.Begin("r1", b.TempDir(), s.job)
	e, state := s.events[1], s.states[1]
	state.Values = job.Values{"text": strings.Repeat("0123456789", 1000)}
	for b.Loop() {
		e.Seq++
		set.Handle(b.Context(), e, state)
	}
	set.End(b.Context(), "r1")
}
