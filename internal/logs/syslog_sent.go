package logs

import "time"

// Lines that were sent are kept: nobody confirms them, and what the server had
// not read when a connection ended is gone.
const (
	keepTime = time.Second // at least what was sent within it,
	keepMin  = 512 << 10   // at least so many bytes,
	keepMax  = 4 << 20     // and never more than so many
)

// sent are the lines that were sent last.
type sent struct {
	lines []line
	size  int
}

// add keeps lines that were sent just now.
func (s *sent) add(lines []line) {
	s.lines = append(s.lines, lines...)
	for _, l := range lines {
		s.size += l.size()
	}
	n, now := 0, time.Now()
	for n < len(s.lines) && (s.size > keepMax || s.size > keepMin && now.Sub(s.lines[n].sent) > keepTime) {
		s.size -= s.lines[n].size()
		s.lines[n] = line{}
		n++
	}
	s.lines = s.lines[n:]
}

// takeBack gives the lines that have to be sent again, those of the latest
// time only when recent, and forgets all.
func (s *sent) takeBack(recent bool) []line {
	lines := s.lines
	for recent && len(lines) > 0 && time.Since(lines[0].sent) > keepTime {
		lines = lines[1:]
	}
	s.clear()
	return lines[:len(lines):len(lines)]
}

func (s *sent) clear() { *s = sent{} }
