// Package screen shows lines on a terminal: permanent ones, which scroll away
// like any other output, and below them an area that is drawn anew while it
// changes.
//
// It needs no mode of the terminal: the cursor stays visible below the area,
// and whatever ends the process, the terminal can be used at once. It reads
// nothing and handles no signals.
package screen

import (
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// gap is the shortest time between two drawings.
	gap = 100 * time.Millisecond
	// tick is how often the area is drawn anew when only the clock changes.
	tick = time.Second
	// away is how long the process must have been stopped for the cursor to be
	// wherever a shell has left it.
	away = 5 * time.Second
)

// Size is the size of a terminal in cells.
type Size struct{ Width, Height int }

// Options say how a screen shows things. Size is required.
type Options struct {
	// Size tells the present size; it is asked before each drawing.
	Size func() Size
	// Color: styles are shown.
	Color bool
	// ASCII: only ASCII can be shown.
	ASCII bool
	// Restore, when set, undoes what was done to the terminal.
	Restore func()
}

// Area gives the lines of the area at a moment. It is called under the lock
// under which Update calls its function.
type Area func(now time.Time, size Size) []Line

// Screen is a terminal. Its methods may be called concurrently and never wait
// for the terminal, except Close.
type Screen struct {
	w    io.Writer
	opts Options
	wake chan struct{}
	quit chan struct{}
	done chan struct{}

	mu      sync.Mutex
	area    Area
	pending []Line
	closed  bool

	// What follows belongs to the goroutine of loop.
	drawn  []int // the widths of the rows of the area on the terminal
	frame  string
	size   Size
	last   time.Time
	broken bool
}

// New begins to show things on a terminal. Close ends it.
func New(w io.Writer, opts Options) *Screen {
	s := &Screen{w: w, opts: opts, wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	go s.loop()
	return s
}

// Show sets the area; nil clears it.
func (s *Screen) Show(area Area) {
	s.mu.Lock()
	s.area = area
	s.mu.Unlock()
	s.Wake()
}

// Update calls a function that changes what the area shows, with the present
// size, and adds the lines that it returns to the permanent ones. After Close
// they are written at once.
func (s *Screen) Update(change func(Size) (permanent []Line)) {
	s.mu.Lock()
	s.pending = append(s.pending, change(s.opts.Size())...)
	if s.closed {
		s.writePending()
	}
	s.mu.Unlock()
	s.Wake()
}

// writePending writes permanent lines where there is no area any more.
func (s *Screen) writePending() {
	for _, l := range s.pending {
		_, _ = io.WriteString(s.w, l.encode(s.opts)+"\n") // who cannot be told cannot be told of that
	}
	s.pending = nil
}

// Write adds the lines of p to the permanent ones. It is for messages that are
// written whole. It never fails.
func (s *Screen) Write(p []byte) (int, error) {
	s.Update(func(Size) (lines []Line) {
		for line := range strings.Lines(string(p)) {
			lines = append(lines, Text(strings.TrimRight(line, "\r\n"), Normal))
		}
		return lines
	})
	return len(p), nil
}

// Wake has the area drawn anew soon.
func (s *Screen) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Close clears the area, shows what is left of the permanent lines, and leaves
// the terminal as it was.
func (s *Screen) Close() {
	s.Show(nil)
	close(s.quit)
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.writePending()
}

// loop draws, at most once in a gap, until Close.
func (s *Screen) loop() {
	defer close(s.done)
	timer := time.NewTimer(tick)
	defer timer.Stop()
	for open := true; open; {
		select {
		case <-s.wake:
		case <-timer.C:
		case <-s.quit:
			open = false
		}
		s.draw(time.Now())
		if open {
			timer.Reset(gap)
			select {
			case <-timer.C:
			case <-s.quit:
			}
			timer.Reset(tick - gap)
		}
	}
	if s.opts.Restore != nil {
		s.opts.Restore()
	}
}

// draw brings the terminal up to date.
func (s *Screen) draw(now time.Time) {
	size := s.opts.Size()
	s.mu.Lock()
	permanent := s.pending
	s.pending = nil
	var area []Line
	if s.area != nil {
		area = s.area(now, size)
	}
	s.mu.Unlock()

	area = area[:min(len(area), max(0, size.Height-1))]
	widths := make([]int, len(area))
	var rows strings.Builder
	for i, line := range area {
		line = line.Cut(size.Width - 1) // a full row would leave the cursor in two minds
		widths[i] = line.Width()
		rows.WriteString(line.encode(s.opts) + "\x1b[K\r\n")
	}
	frame := rows.String()
	above := s.above(now, size)
	s.last = time.Now()
	same := frame == s.frame && (size == s.size || frame == "")
	if s.broken || same && len(permanent) == 0 {
		return
	}
	var out strings.Builder
	out.WriteString(up(above))
	if len(permanent) > 0 || frame == "" {
		out.WriteString(erase(above))
	}
	for _, line := range permanent {
		out.WriteString(line.encode(s.opts) + "\r\n")
	}
	if frame != "" {
		out.WriteString(frame + "\x1b[J")
	}
	_, err := io.WriteString(s.w, out.String())
	s.broken = err != nil // there is nobody to tell
	s.drawn, s.frame, s.size, s.last = widths, frame, size, time.Now()
}

// above is how many rows the cursor is below the top of the area. Terminals
// fold rows that are wider than they have become.
func (s *Screen) above(now time.Time, size Size) int {
	if len(s.drawn) > 0 && now.Sub(s.last) > away {
		return 0
	}
	rows := 0
	for _, w := range s.drawn {
		rows += max(1, (w+size.Width-1)/size.Width)
	}
	return min(rows, size.Height-1)
}

// up gives the sequence that moves the cursor to the start of a row above.
func up(rows int) string {
	if rows <= 0 {
		return "\r"
	}
	return "\r\x1b[" + strconv.Itoa(rows) + "A"
}

// erase clears rows from that of the cursor on, and leaves it where it was. It
// goes row by row: some terminals take a clearing of the whole screen for a
// wish to keep what was on it.
func erase(rows int) string {
	if rows <= 0 {
		return ""
	}
	return strings.Repeat("\x1b[K\x1b[B", rows) + up(rows)
}
