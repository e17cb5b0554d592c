package view

import (
	"context"
	"io"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/internal/screen"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// Live shows a run on a terminal: a permanent line for each finished step, and
// below them what is going on.
type Live struct {
	screen *screen.Screen
	tail   *tail
	// pic is used under the screen's lock only.
	pic picture
}

// NewLive shows a run of a job on a screen, which stays the caller's. logs
// gives the folder in which the output of a run is kept.
func NewLive(s *screen.Screen, j *job.Job, logs func(run string) string) *Live {
	v := &Live{screen: s, tail: &tail{wake: s.Wake}, pic: picture{job: j, logs: logs}}
	s.Show(func(now time.Time, size screen.Size) []screen.Line { return v.pic.area(now, size, v.tail.latest()) })
	return v
}

// Handle shows one event.
func (v *Live) Handle(_ context.Context, e event.Event, after event.State) {
	if _, ok := e.Payload.(event.StepStarting); ok {
		v.tail.open() // the output of the step before is not this one's
	}
	v.screen.Update(func(size screen.Size) []screen.Line { return v.pic.apply(e, after, frame{size, v.tail.latest()}) })
}

// Open gives writers whose latest lines are shown.
func (v *Live) Open(string, event.OpenStep) (stdout, stderr io.WriteCloser, err error) {
	out, errs := v.tail.open()
	return out, errs, nil
}

// Close ends the view, and says which step is left open. The screen stays.
func (v *Live) Close() {
	v.screen.Update(func(screen.Size) []screen.Line { return v.pic.unfinished(time.Now()) })
	v.screen.Show(nil)
}
