package report

import (
	"errors"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// limits bound a report. A visit is shown when it is one of the first, of the
// last, or of the first troubles between them; a zero last shows all.
type limits struct {
	first, last, troubles int
	// logs and changes are bytes of output and of context changes in the whole
	// report. Visits that were no success share one half, the others the rest.
	logs, changes int
}

// perVisit is the most that one visit gets of a limit.
const perVisit = 128 << 10

// shown says how many of n visits are shown at most.
func (l limits) shown(n int) int {
	if l.last == 0 {
		return n
	}
	return min(n, l.first+l.last+l.troubles)
}

// share is the part of a limit that a visit gets.
func (l limits) share(whole int, s Summary, outcome job.Outcome) int {
	n := s.troubles()
	if outcome == job.Success {
		n = s.Visits[job.Success]
	}
	return min(perVisit, whole/2/max(1, l.shown(n)))
}

// errEnough ends the reading of a journal that has grown since it was summed up.
var errEnough = errors.New("enough was read")

// collector makes visits out of events and hands them to a form.
type collector struct {
	src     Source
	form    form
	limits  limits
	summary Summary

	state event.State
	// pinned is what the image of the open step stood for.
	pinned string
	// troubles and left count the troubles that were shown between the first
	// and the last visits, and the visits left out since the last shown one.
	troubles, left int
}

// visits reads the journal and hands on every visit.
func (c *collector) visits() error {
	err := c.src.Events(c.event)
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if c.state.Open != nil {
		v := opened(*c.state.Open, c.pinned)
		v.Ended = c.summary.Ended
		if err := c.show(v, nil); err != nil {
			return err
		}
	}
	return c.closeGap()
}

func (c *collector) event(e event.Event) error {
	if e.Seq > c.summary.last {
		return errEnough
	}
	before := c.state
	after, err := before.Apply(e)
	if err != nil {
		return err
	}
	c.state = after
	switch p := e.Payload.(type) {
	case event.StepStarting:
		c.pinned = ""
	case event.StepStarted:
		c.pinned = p.Pinned
	case event.StepFinished:
		v := opened(*before.Open, c.pinned)
		v.finish(p, e.Time)
		return c.show(v, func(limit int) Changes {
			if p.Context == nil {
				return Changes{}
			}
			return compare(before.Values, after.Values, limit)
		})
	}
	return nil
}

// show completes a visit and hands it on, unless it is left out. changes may
// be nil.
func (c *collector) show(v Visit, changes func(limit int) Changes) error {
	if !c.wanted(v) {
		c.left++
		return nil
	}
	if err := c.closeGap(); err != nil {
		return err
	}
	v.NextAttempt = c.summary.latest[v.At]
	v.Latest = v.NextAttempt == v.Attempt
	if changes != nil {
		v.Changes = changes(c.limits.share(c.limits.changes, c.summary, v.Outcome))
	}
	limit := c.limits.share(c.limits.logs, c.summary, v.Outcome) / 2
	v.Stdout = readLog(c.src, v, "stdout", limit)
	v.Stderr = readLog(c.src, v, "stderr", limit)
	return c.form.visit(v)
}

func (c *collector) wanted(v Visit) bool {
	l := c.limits
	if l.last == 0 || v.Attempt <= l.first || v.Attempt > c.summary.Total-l.last {
		return true
	}
	if v.Outcome == job.Success || c.troubles >= l.troubles {
		return false
	}
	c.troubles++
	return true
}

func (c *collector) closeGap() error {
	n := c.left
	c.left = 0
	if n == 0 {
		return nil
	}
	return c.form.gap(n)
}
