package logs

import (
	"slices"
	"sync"
	"time"
)

// line is one message in its final form.
type line struct {
	data []byte
	// sent is when it was handed to the system last; zero means never.
	sent time.Time
}

// lineCost is what a line needs in memory besides its data, about.
const lineCost = 96

func (l line) size() int { return cap(l.data) + lineCost }

// queue holds lines up to a size. Who puts never waits: what does not fit is
// counted and dropped.
type queue struct {
	limit int
	// ready has a value after something was put.
	ready chan struct{}

	mu      sync.Mutex
	lines   []line
	size    int
	dropped int
}

func newQueue(limit int) *queue { return &queue{limit: limit, ready: make(chan struct{}, 1)} }

func (q *queue) put(l line) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.size+l.size() > q.limit {
		q.dropped++
		return
	}
	q.lines = append(q.lines, l)
	q.size += l.size()
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take gives the oldest lines, of about size bytes.
func (q *queue) take(size int) []line {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, taken := fit(q.lines, size)
	out := slices.Clone(q.lines[:n])
	clear(q.lines[:n]) // or the array would keep them
	q.lines = q.lines[n:]
	q.size -= taken
	return out
}

// left is how many lines were dropped or are still there.
func (q *queue) left() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped + len(q.lines)
}

// fit counts the first lines of at most size bytes, at least one, and their size.
func fit(lines []line, size int) (n, taken int) {
	for n < len(lines) && (n == 0 || taken+lines[n].size() <= size) {
		taken += lines[n].size()
		n++
	}
	return n, taken
}
