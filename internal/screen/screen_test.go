package screen_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gitlab.com/f5-pwe/kog/v3/internal/screen"
)

// terminal records what is written to it.
type terminal struct {
	mu     sync.Mutex
	writes []string
	size   screen.Size
	// hold, when set, keeps every Write until it is closed.
	hold chan struct{}
	err  error
}

func (t *terminal) Write(p []byte) (int, error) {
	if t.hold != nil {
		<-t.hold
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writes = append(t.writes, string(p))
	return len(p), t.err
}

func (t *terminal) options() screen.Options {
	return screen.Options{Size: func() screen.Size {
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.size
	}}
}

func (t *terminal) resize(width, height int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.size = screen.Size{Width: width, Height: height}
}

// take gives what was written since, and forgets it.
func (t *terminal) take() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.writes
	t.writes = nil
	return w
}

func newTerminal() *terminal { return &terminal{size: screen.Size{Width: 20, Height: 10}} }

func lines(texts ...string) (out []screen.Line) {
	for _, text := range texts {
		out = append(out, screen.Text(text, screen.Normal))
	}
	return out
}

func fixed(texts ...string) screen.Area {
	return func(time.Time, screen.Size) []screen.Line { return lines(texts...) }
}

func permanent(texts ...string) func(screen.Size) []screen.Line {
	return func(screen.Size) []screen.Line { return lines(texts...) }
}

func expect(t *testing.T, term *terminal, want ...string) {
	t.Helper()
	got := term.take()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("written\n%q, want\n%q", got, want)
	}
}

// settled lets the screen do what it has to do, and the shortest time between
// two drawings pass.
func settled() {
	synctest.Wait()
	time.Sleep(100 * time.Millisecond)
	synctest.Wait()
}

func TestPermanentLinesAboveTheArea(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := newTerminal()
		s := screen.New(term, term.options())
		s.Show(fixed("area", "two"))
		settled()
		expect(t, term, "\rarea\x1b[K\r\ntwo\x1b[K\r\n\x1b[J")

		s.Update(permanent("done"))
		synctest.Wait() // drawn, and nothing more is for a while
		expect(t, term, "\r\x1b[2A\x1b[K\x1b[B\x1b[K\x1b[B\r\x1b[2Adone\r\narea\x1b[K\r\ntwo\x1b[K\r\n\x1b[J")

		if n, err := s.Write([]byte("log\x1b[31m line\r\nand another")); n != 26 || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
		s.Close()
		expect(t, term, "\r\x1b[2A\x1b[K\x1b[B\x1b[K\x1b[B\r\x1b[2Alog line\r\nand another\r\n")
	})
}

// What comes after the end is written at once, and not lost.
func TestWriteAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := newTerminal()
		s := screen.New(term, term.options())
		s.Close()
		term.take()
		if _, err := s.Write([]byte("a warning\n")); err != nil {
			t.Fatal(err)
		}
		expect(t, term, "a warning\n")
	})
}

func TestDrawsSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := newTerminal()
		s := screen.New(term, term.options())
		defer s.Close()
		n := 0
		s.Show(func(time.Time, screen.Size) []screen.Line { return lines(fmt.Sprint("n ", n)) })
		settled()
		term.take()
		for range 1000 {
			s.Update(func(screen.Size) []screen.Line { n++; return nil })
			time.Sleep(time.Millisecond)
		}
		settled()
		if got := len(term.take()); got < 5 || got > 11 {
			t.Errorf("%d drawings in a second of changes, want 10", got)
		}
		s.Wake()
		time.Sleep(time.Minute)
		expect(t, term) // nothing changed
	})
}

func TestClockTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := newTerminal()
		s := screen.New(term, term.options())
		defer s.Close()
		began := time.Now()
		s.Show(func(now time.Time, _ screen.Size) []screen.Line {
			return lines(now.Sub(began).Truncate(time.Second).String())
		})
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if got := len(term.take()); got < 25 || got > 31 {
			t.Errorf("%d drawings in 30 seconds of nothing but the clock", got)
		}
	})
}

// A terminal folds rows that no longer fit, and cuts what is too high.
func TestResize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := newTerminal()
		s := screen.New(term, term.options())
		defer s.Close()
		s.Show(fixed("fifteen cells..", "漢字漢字漢字", "c"))
		settled()
		expect(t, term, "\rfifteen cells..\x1b[K\r\n漢字漢字漢字\x1b[K\r\nc\x1b[K\r\n\x1b[J")

		term.resize(8, 10)
		time.Sleep(time.Second)
		synctest.Wait()
		expect(t, term, "\r\x1b[5Afiftee…\x1b[K\r\n漢字漢…\x1b[K\r\nc\x1b[K\r\n\x1b[J")

		term.resize(8, 3)
		time.Sleep(time.Second)
		synctest.Wait()
		expect(t, term, "\r\x1b[2Afiftee…\x1b[K\r\n漢字漢…\x1b[K\r\n\x1b[J")

		for _, tiny := range []int{1, 2, 3} {
			term.resize(tiny, tiny)
			time.Sleep(time.Second)
			synctest.Wait()
		}
	})
}

// A terminal that takes nothing (a stopped one) holds up nobody.
func TestStuckTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := newTerminal()
		term.hold = make(chan struct{})
		s := screen.New(term, term.options())
		s.Show(fixed("area"))
		synctest.Wait()
		for i := range 100 {
			s.Update(permanent(fmt.Sprint("line ", i)))
		}
		_, _ = io.WriteString(s, "and a message\n")
		close(term.hold)
		s.Close()
		all := strings.Join(term.take(), "")
		if !strings.Contains(all, "line 0\r\n") || !strings.HasSuffix(all, "line 99\r\nand a message\r\n") {
			t.Errorf("written %q", all)
		}
	})
}

func TestLostTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := newTerminal()
		term.err = errors.New("input/output error")
		restored := 0
		opts := term.options()
		opts.Restore = func() { restored++ }
		s := screen.New(term, opts)
		s.Show(fixed("area"))
		settled()
		s.Update(permanent("line"))
		settled()
		s.Close()
		if n := len(term.take()); n != 1 || restored != 1 {
			t.Errorf("%d writes to a terminal that is lost, restored %d times", n, restored)
		}
	})
}

func TestStyles(t *testing.T) {
	line := screen.Line{{Text: "✓", Style: screen.Green}, {Text: " ok → 漢 é"}, {Text: "", Style: screen.Bold}}
	for _, tc := range []struct {
		color, ascii bool
		want         string
	}{
		{false, false, "✓ ok → 漢 é"},
		{true, false, "\x1b[32m✓\x1b[0m ok → 漢 é"},
		{false, true, "+ ok > ?? ?"},
	} {
		synctest.Test(t, func(t *testing.T) {
			term := newTerminal()
			opts := term.options()
			opts.Color, opts.ASCII = tc.color, tc.ascii
			s := screen.New(term, opts)
			s.Update(func(screen.Size) []screen.Line { return []screen.Line{line} })
			s.Close()
			expect(t, term, "\r"+tc.want+"\r\n")
		})
	}
}
