package kube

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// errTimeless: a log has a line without a time, which is not the container's
// but the node's own word instead of it.
var errTimeless = errors.New("the node has other words than the log")

// errRotated: lines may be missing, for ever.
var errRotated = fmt.Errorf("the node has begun a new log file before the old one was read to its end: let it keep larger ones (containerLogMaxSize): %w", executor.ErrOutputLost)

// cursor copies a log, each line of which begins with its time, and knows what
// to leave out when the log is read again from the time in since.
//
// A cluster finds a place in a log by a second only. So what counts is how many
// lines were copied from the beginning of the last second on, and how much of
// a line that was cut. A node that has begun a new file since gives those lines no
// more: their times tell how many are missing.
type cursor struct {
	w io.Writer
	// since is the second at which the next reading begins; zero is the log's
	// beginning.
	since time.Time
	// lines that were copied whole from since on, and first, the time of the
	// first of them.
	lines int
	first string
	// last is the time of the last line, and same how many whole lines had it.
	last time.Time
	same int
	open bool // that line has not ended
	// part is how many bytes of the next line were copied.
	part int
	// whole: the node's clock went back, and since cannot be trusted any more.
	whole bool
	// total and origin are what lines and first are for the log's beginning.
	total  int
	origin string

	reading reading
	failed  error
	lost    bool // lines may be missing
	// timeless: lines without a time are taken too.
	timeless bool
	good     time.Time // when the log could be had last
}

// reading is the state of one reading of the log.
type reading struct {
	skip, skipPart int
	first          bool
	// older: the line was copied before. late: the reading began after a part of
	// what was copied, and older lines are known by their times.
	older, late bool
	stamp       []byte // of the present line, as far as it has come
	inLine      bool
	fresh       int // bytes that were new
}

// maxStamp is longer than any time at a line's beginning.
const maxStamp = 64

// begin prepares for a reading from since on.
func (c *cursor) begin() time.Time {
	if c.whole {
		c.since, c.lines, c.first = time.Time{}, c.total, c.origin
	}
	c.reading = reading{skip: c.lines, skipPart: c.part, first: true}
	return c.since
}

// soundAfter is how long a reading that brings nothing stays open if it is one of
// a log. A node's own words, and a connection that is cut at once, end before.
const soundAfter = time.Second

// note takes for good a reading that has brought something or stayed open.
func (c *cursor) note(open time.Duration) {
	if c.reading.fresh > 0 || open >= soundAfter {
		c.good = time.Now()
	}
}

// missed is what Follow returns in the end.
func (c *cursor) missed() error {
	if c.lost {
		return errRotated
	}
	return nil
}

// complete reports whether a reading came as far as the one before.
func (c *cursor) complete() bool { return c.reading.skip == 0 && c.reading.skipPart == 0 }

// empty reports whether a reading has brought nothing at all.
func (c *cursor) empty() bool { return c.reading.first }

// Write takes the next bytes of the log.
func (c *cursor) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		var err error
		if c.reading.inLine {
			p, err = c.text(p)
		} else {
			p, err = c.time(p)
		}
		if err != nil {
			return max(0, n-len(p)), err
		}
	}
	return n, nil
}

// time reads the time at a line's beginning.
func (c *cursor) time(p []byte) ([]byte, error) {
	r := &c.reading
	i := bytes.IndexByte(p, ' ')
	end := i
	if i < 0 {
		end = len(p)
	}
	r.stamp = append(r.stamp, p[:end]...)
	if i < 0 && len(r.stamp) <= maxStamp && bytes.IndexByte(r.stamp, '\n') < 0 {
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339Nano, string(r.stamp))
	switch {
	case err != nil && c.timeless:
		return c.untimed(p[end:]), nil
	case err != nil:
		return p, errTimeless
	}
	r.inLine = true
	c.stamped(at.UTC())
	return p[i+1:], nil
}

// untimed takes what was read for a time as the beginning of the line, and returns
// what is left to read.
func (c *cursor) untimed(p []byte) []byte {
	r := &c.reading
	text := append(r.stamp, p...)
	r.inLine, r.stamp, r.first, r.older = true, nil, false, false
	if c.complete() {
		c.open = true
	}
	return text
}

// end takes the rest of a reading that has come to the end of the log.
func (c *cursor) end() error {
	if r := &c.reading; c.timeless && !r.inLine && len(r.stamp) > 0 {
		_, err := c.text(c.untimed(nil))
		return err
	}
	return nil
}

// stamped moves since on, or checks that what is read again is the same.
func (c *cursor) stamped(at time.Time) {
	r := &c.reading
	stamp := string(r.stamp)
	if r.first && c.first != "" && stamp != c.first {
		several := c.same > 1 || c.same == 1 && c.open // lines of the same time
		if c.whole || at.After(c.last) || at.Equal(c.last) && several {
			c.giveUp()
		} else { // nothing is missing between what was copied and what is there
			r.late, r.skip = true, c.same
		}
	}
	r.first, r.older = false, false
	if r.late {
		if at.After(c.last) {
			r.skip = 0
			if r.skipPart > 0 { // the rest of that line is missing
				c.giveUp()
			}
		}
		r.older = at.Before(c.last)
		r.late = r.older || !c.complete()
	}
	if r.older || !c.complete() {
		return
	}
	switch {
	case at.Before(c.since):
		c.whole = true
	case !c.whole && at.Truncate(time.Second).After(c.since):
		c.since, c.lines, c.first = at.Truncate(time.Second), 0, stamp
	}
	if c.first == "" {
		c.first = stamp
	}
	if c.origin == "" {
		c.origin = stamp
	}
	if !at.Equal(c.last) {
		c.last, c.same = at, 0
	}
	c.open = true
}

// giveUp goes on without what is missing, as if the log began with this line.
func (c *cursor) giveUp() {
	if c.open && c.part > 0 { // no line is taken for the rest of another
		if _, err := c.w.Write([]byte("\n")); err != nil {
			c.failed = err
		}
	}
	*c = cursor{w: c.w, failed: c.failed, lost: true, timeless: c.timeless, good: c.good, reading: reading{stamp: c.reading.stamp, inLine: true, fresh: c.reading.fresh}}
}

// text copies what belongs to the line, its end included.
func (c *cursor) text(p []byte) ([]byte, error) {
	r := &c.reading
	line, rest := p, []byte(nil)
	i := bytes.IndexByte(p, '\n')
	if i >= 0 {
		line, rest = p[:i+1], p[i+1:]
	}
	if err := c.copy(line); err != nil {
		return p, err
	}
	if i < 0 {
		return nil, nil
	}
	switch {
	case r.older:
	case r.skip > 0:
		r.skip--
	default:
		c.lines++
		c.same++
		c.open = false
		c.total++
		c.part, r.skipPart = 0, 0
	}
	r.inLine, r.stamp = false, r.stamp[:0]
	return rest, nil
}

func (c *cursor) copy(line []byte) error {
	r := &c.reading
	if r.older || r.skip > 0 {
		return nil
	}
	old := min(r.skipPart, len(line))
	r.skipPart -= old
	line = line[old:]
	if len(line) == 0 {
		return nil
	}
	n, err := c.w.Write(line)
	c.part += n
	r.fresh += n
	if err != nil {
		c.failed = err
	}
	return err
}
