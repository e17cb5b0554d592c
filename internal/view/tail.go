package view

import (
	"bytes"
	"strings"
	"sync"

	"gitlab.com/f5-pwe/kog/v3/action"
)

const (
	// tailLines is how many of the latest lines of output are kept.
	tailLines = 10
	// tailBytes is how many bytes of each are.
	tailBytes = 4 << 10
)

// tail keeps the latest lines of a step's output, both streams in the order of
// their arrival. What would scroll away at once is not even looked at.
type tail struct {
	wake func()

	mu      sync.Mutex
	lines   []string
	streams [2]*tailStream
}

// open begins the output of an attempt anew.
func (t *tail) open() (stdout, stderr *tailStream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = nil
	t.streams = [2]*tailStream{{tail: t, results: true}, {tail: t}}
	return t.streams[0], t.streams[1]
}

// latest gives the lines, oldest first; lines that have no end yet come last.
func (t *tail) latest() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := append([]string(nil), t.lines...)
	for _, s := range t.streams {
		if s == nil {
			continue
		}
		if text, ok := s.text(); ok && text != "" {
			lines = append(lines, text)
		}
	}
	return lines[max(0, len(lines)-tailLines):]
}

// tailStream is one stream of an attempt.
type tailStream struct {
	tail *tail
	// results: lines that begin with action.Prefix are results, not output.
	results bool
	// rest is the beginning of a line whose end has not come.
	rest []byte
}

// Write always takes all of p.
func (s *tailStream) Write(p []byte) (int, error) {
	n := len(p)
	s.tail.mu.Lock()
	defer s.tail.mu.Unlock()
	if latest := latestLines(p, tailLines); len(latest) < len(p) {
		p, s.rest = latest, s.rest[:0]
	}
	for len(p) > 0 {
		line, after, ended := bytes.Cut(p, []byte("\n"))
		s.extend(line)
		if ended {
			s.end()
		}
		p = after
	}
	s.tail.wake()
	return n, nil
}

// Close ends a last line that had no end.
func (s *tailStream) Close() error {
	s.tail.mu.Lock()
	defer s.tail.mu.Unlock()
	if len(s.rest) > 0 {
		s.end()
	}
	return nil
}

// latestLines is the part of p from which only so many lines have their end in it.
func latestLines(p []byte, lines int) []byte {
	at := len(p)
	for range lines + 1 {
		if at = bytes.LastIndexByte(p[:at], '\n'); at < 0 {
			return p
		}
	}
	return p[at+1:]
}

// extend goes on with the line. As on a terminal, what comes after a carriage
// return takes the place of what was before.
func (s *tailStream) extend(p []byte) {
	if at := bytes.LastIndexByte(bytes.TrimRight(p, "\r"), '\r'); at >= 0 {
		p, s.rest = p[at+1:], s.rest[:0]
	} else if bytes.HasSuffix(s.rest, []byte("\r")) && len(p) > 0 {
		s.rest = s.rest[:0]
	}
	s.rest = append(s.rest, p[:min(len(p), tailBytes-len(s.rest))]...)
}

func (s *tailStream) end() {
	if text, ok := s.text(); ok {
		lines := s.tail.lines
		s.tail.lines = append(lines[max(0, len(lines)-tailLines+1):], text)
	}
	s.rest = s.rest[:0]
}

// text is the line as far as it came; ok is false for a result.
func (s *tailStream) text() (text string, ok bool) {
	text = strings.TrimRight(string(s.rest), "\r")
	return text, !s.results || !strings.HasPrefix(strings.TrimLeft(text, " \t"), action.Prefix)
}
