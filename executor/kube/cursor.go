package kube

import (
	"bytes"
	"errors"
	"io"
	"time"
)

// errTimeless: a log has a line without a time, which is not the container's
// but the node's own word instead of it.
var errTimeless = errors.New("the node has other words than the log")

// errRotated: lines are missing, for ever.
var errRotated = errors.New("the node has deleted a part of the log that was not read yet: let it keep larger logs (containerLogMaxSize)")

// cursor copies a log, each line of which begins with its time, and knows what
// to leave out when the log is read again from the time in since.
//
// A cluster finds a place in a log by a second only. So what counts is how many
// lines were copied from the beginning of the last second on, and how much of
// a line that was cut.
type cursor struct {
	w io.Writer
	// since is the second at which the next reading begins; zero is the log's
	// beginning.
	since time.Time
	// lines that were copied whole from since on, and first, the time of the
	// first of them.
	lines int
	first string
	// part is how many bytes of the next line were copied.
	part int
	// whole: the node's clock went back, and since cannot be trusted any more.
	whole bool
	total int

	reading reading
	failed  error
}

// reading is the state of one reading of the log.
type reading struct {
	skip, skipPart int
	first          bool
	stamp          []byte // of the present line, as far as it has come
	inLine         bool
	fresh          int // bytes that were new
}

// maxStamp is longer than any time at a line's beginning.
const maxStamp = 64

// begin prepares for a reading from since on.
func (c *cursor) begin() time.Time {
	if c.whole {
		c.since, c.lines, c.first = time.Time{}, c.total, ""
	}
	c.reading = reading{skip: c.lines, skipPart: c.part, first: true}
	return c.since
}

// complete reports whether a reading came as far as the one before.
func (c *cursor) complete() bool { return c.reading.skip == 0 && c.reading.skipPart == 0 }

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
			return n - len(p), err
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
	switch {
	case len(r.stamp) > maxStamp || bytes.IndexByte(r.stamp, '\n') >= 0:
		return p, errTimeless
	case i < 0:
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339Nano, string(r.stamp))
	if err != nil {
		return p, errTimeless
	}
	r.inLine = true
	return p[i+1:], c.stamped(at.UTC())
}

// stamped moves since on, or checks that what is read again is the same.
func (c *cursor) stamped(at time.Time) error {
	r := &c.reading
	stamp := string(r.stamp)
	first := r.first
	r.first = false
	switch {
	case r.skip > 0 || r.skipPart > 0:
		if first && c.first != "" && stamp != c.first {
			return errRotated
		}
		return nil
	case at.Before(c.since):
		c.whole = true
	case !c.whole && at.Truncate(time.Second).After(c.since):
		c.since, c.lines, c.first = at.Truncate(time.Second), 0, stamp
	}
	if c.first == "" {
		c.first = stamp
	}
	return nil
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
	if r.skip > 0 {
		r.skip--
	} else {
		c.lines++
		c.total++
		c.part, r.skipPart = 0, 0
	}
	r.inLine, r.stamp = false, r.stamp[:0]
	return rest, nil
}

func (c *cursor) copy(line []byte) error {
	r := &c.reading
	if r.skip > 0 {
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
