package kube

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// nodeLog is a log as a node keeps it: lines, each with its time.
type nodeLog struct {
	at    []time.Time
	lines []string // with their ends, but for the last one
}

// since is what a node gives from a second on.
func (n nodeLog) since(t time.Time) []byte {
	var out bytes.Buffer
	for i, line := range n.lines {
		if !n.at[i].Before(t) {
			fmt.Fprintf(&out, "%s %s", n.at[i].Format(time.RFC3339Nano), line)
		}
	}
	return out.Bytes()
}

func (n nodeLog) text() string { return strings.Join(n.lines, "") }

// randomLog has times that stand still or go on.
func randomLog(r *rand.Rand) nodeLog {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var n nodeLog
	for range r.IntN(60) {
		switch r.IntN(8) {
		case 0:
			at = at.Add(time.Second)
		case 1, 2:
			at = at.Add(time.Duration(r.IntN(900)) * time.Millisecond)
		}
		n.at = append(n.at, at)
		n.lines = append(n.lines, strings.Repeat(string(rune('a'+r.IntN(3))), r.IntN(12))+"\n")
	}
	if last := len(n.lines) - 1; last >= 0 && r.IntN(2) == 0 {
		n.lines[last] = strings.TrimSuffix(n.lines[last], "\n")
	}
	return n
}

// readAll reads a log in readings that are cut anywhere, until one is complete
// and has brought nothing new.
func readAll(r *rand.Rand, c *cursor, n nodeLog) error {
	for {
		text := n.since(c.begin())
		whole := r.IntN(4) == 0
		if !whole {
			text = text[:r.IntN(len(text)+1)]
		}
		for len(text) > 0 {
			piece := 1 + r.IntN(len(text))
			if _, err := c.Write(text[:piece]); err != nil {
				return err
			}
			text = text[piece:]
		}
		if whole && c.complete() && c.reading.fresh == 0 {
			return nil
		}
	}
}

// However often a log is cut off, and wherever: each byte is copied once.
func FuzzCursor(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // nothing secret
		n := randomLog(r)
		var out bytes.Buffer
		if err := readAll(r, &cursor{w: &out}, n); err != nil {
			t.Fatalf("%v in\n%s", err, n.since(time.Time{}))
		}
		if out.String() != n.text() {
			t.Errorf("got\n%q\nof the log\n%s", out.String(), n.since(time.Time{}))
		}
	})
}

// A node begins a new file now and then, and gives nothing of the old one any
// more. What was copied by then is not missed, and what was not is found out.
func FuzzCursorOverRotation(f *testing.F) {
	for seed := range uint64(1000) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // nothing secret
		n := randomLog(r)
		for i := range n.at { // nodes count nanoseconds: no two lines are of the same
			n.at[i] = n.at[i].Add(time.Duration(i))
		}
		var out bytes.Buffer
		c := &cursor{w: &out}
		kept := n
		for range 2 + r.IntN(4) {
			text := kept.since(c.begin())
			_, err := c.Write(text[:r.IntN(len(text)+1)])
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(n.text(), out.String()) && !c.lost {
				t.Fatalf("got\n%q\nof\n%q\nof the log\n%s", out.String(), kept.text(), n.since(time.Time{}))
			}
			if c.origin == "" {
				continue // of what was gone before nobody knows
			}
			// Mostly not more than what was copied, but for the last line.
			begun := strings.Count(out.String(), "\n")
			gone := min(max(0, begun-1+r.IntN(2)*r.IntN(3)), len(n.lines))
			gone = max(gone, len(n.lines)-len(kept.lines))
			kept = nodeLog{at: n.at[gone:], lines: n.lines[gone:]}
		}
		if _, err := c.Write(kept.since(c.begin())); err != nil {
			t.Fatal(err)
		}
		if c.complete() && !strings.HasSuffix(out.String(), kept.text()) {
			t.Fatalf("got\n%q\nof the last\n%q", out.String(), kept.text())
		}
	})
}

// Nothing is asked of a node again that it has given.
func TestCursorGoesOnInANewFile(t *testing.T) {
	n := nodeLog{lines: []string{"one\n", "two\n", "three\n", "four\n"}}
	for i := range n.lines {
		n.at = append(n.at, time.Date(2026, 1, 2, 3, 4, 5, 1000+i, time.UTC))
	}
	all := n.since(time.Time{})
	rotated := nodeLog{at: n.at[1:], lines: n.lines[1:]}
	for cut := bytes.Index(all, []byte("two")); cut <= len(all); cut++ {
		wantCut(t, n, cut, rotated)
	}
}

// A node's clock goes back while its log is read. From then on the log is read
// from its beginning, where no line can be missed.
func TestCursorAndAClockThatGoesBack(t *testing.T) {
	n := secondsLog("one\n", "two\n", "three\n", "four\n", "five\n")
	n.at[3], n.at[4] = n.at[0].Add(100*time.Millisecond), n.at[1]
	all := n.since(time.Time{})
	for cut := bytes.Index(all, []byte("four")); cut <= len(all); cut++ {
		wantCut(t, n, cut, n)
	}
}

// wantCut reads a log up to a byte, and then what the node has of it later.
func wantCut(t *testing.T, n nodeLog, cut int, later nodeLog) {
	t.Helper()
	var out bytes.Buffer
	c := &cursor{w: &out}
	c.begin()
	if _, err := c.Write(n.since(time.Time{})[:cut]); err != nil {
		t.Fatal(err)
	}
	if err := readAll(rand.New(rand.NewPCG(1, 2)), c, later); err != nil { //nolint:gosec // nothing secret
		t.Fatalf("cut at %d: %v", cut, err)
	}
	if out.String() != n.text() || c.missed() != nil {
		t.Errorf("cut at %d: %q, %v", cut, out.String(), c.missed())
	}
}

func secondsLog(lines ...string) nodeLog {
	n := nodeLog{lines: lines}
	for i := range lines {
		n.at = append(n.at, time.Date(2026, 1, 2, 3, 4, i, 500, time.UTC))
	}
	return n
}

// A node that has deleted what was not read yet is found out.
func TestCursorSeesWhatIsLost(t *testing.T) {
	n := secondsLog("one\n", "two\n", "three\n", "four\n")
	var out bytes.Buffer
	c := &cursor{w: &out}
	c.begin()
	all := n.since(time.Time{})
	if _, err := c.Write(all[:bytes.Index(all, []byte("three"))+2]); err != nil {
		t.Fatal(err)
	}
	rotated := nodeLog{at: n.at[3:], lines: n.lines[3:]}
	if _, err := c.Write(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(rotated.since(c.begin())); err != nil || !errors.Is(c.missed(), executor.ErrOutputLost) {
		t.Errorf("after a rotation: %v, %v", err, c.missed())
	}
	if want := "one\ntwo\nth\nfour\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestCursorRefusesOtherWords(t *testing.T) {
	for _, words := range []string{
		"failed to get parse function: unsupported log format\n",
		"unable to retrieve container logs for containerd://x\n",
		strings.Repeat("x", 100),
	} {
		var out bytes.Buffer
		c := &cursor{w: &out}
		c.begin()
		if _, err := c.Write([]byte(words)); !errors.Is(err, errTimeless) || out.Len() > 0 {
			t.Errorf("%q: %v, %q", words, err, out.String())
		}
	}
}

// Lines without a time are copied as those with one, where they are allowed.
func TestCursorTakesLinesWithoutATime(t *testing.T) {
	const log = "2026-01-02T03:04:05.1Z one\ntwo and a half\n\n2026-01-02T03:04:06.1Z three\nfour\nfive"
	for cut := range len(log) {
		var out bytes.Buffer
		c := &cursor{w: &out, timeless: true}
		for _, part := range []string{log[:cut], log} {
			if c.begin(); !c.since.IsZero() && len(part) == len(log) {
				part = part[max(0, strings.Index(part, c.since.Format("2006-01-02T15:04:05"))):]
			}
			for _, piece := range []string{part[:len(part)/2], part[len(part)/2:]} {
				if _, err := c.Write([]byte(piece)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := c.end(); err != nil {
			t.Fatal(err)
		}
		if want := "one\ntwo and a half\n\nthree\nfour\nfive"; out.String() != want {
			t.Errorf("cut at %d (%q): %q", cut, log[:cut], out.String())
		}
	}
}

// A log that cannot be had is given up some time: other words, and connections
// that are cut at once, do not count as one that can.
func TestCursorKnowsGoodReadings(t *testing.T) {
	for _, r := range []struct {
		log  string
		open time.Duration
		good bool
	}{
		{"unable to retrieve container logs for containerd://x\n", 0, false},
		{"", 0, false},
		{"", soundAfter, true},
		{"2026-01-02T03:04:05Z one\n", 0, true},
	} {
		c := &cursor{w: io.Discard}
		c.begin()
		_, _ = c.Write([]byte(r.log)) // of other words it says that they are
		if c.note(r.open); c.good.IsZero() == r.good {
			t.Errorf("%q, open for %v: good at %v", r.log, r.open, c.good)
		}
	}
}

type fullDisk struct{ room int }

func (d *fullDisk) Write(p []byte) (int, error) {
	n := min(d.room, len(p))
	d.room -= n
	if n < len(p) {
		return n, errors.New("no room")
	}
	return n, nil
}

func TestCursorTellsOfItsWriter(t *testing.T) {
	c := &cursor{w: &fullDisk{room: 5}}
	c.begin()
	if _, err := c.Write(secondsLog("one\n", "two\n").since(time.Time{})); err == nil || c.failed == nil {
		t.Errorf("the writer failed: %v, %v", err, c.failed)
	}
}
