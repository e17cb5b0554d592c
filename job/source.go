package job

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// excerptWidth is how many characters of a line are shown on either side of
// the place of a finding.
const excerptWidth = 60

// source is a document as it was given, without its byte order mark.
type source struct {
	name string
	data []byte
	yaml bool
	// private are the lines that show values of environment variables. They are
	// never quoted.
	private []lines
}

// lines are the lines of a document from one to another.
type lines struct{ first, last int }

func (s *source) hide(first, last int) {
	if n := len(s.private); n == 0 || s.private[n-1] != (lines{first, last}) {
		s.private = append(s.private, lines{first, last})
	}
}

func (s *source) hidden(line int) bool {
	return slices.ContainsFunc(s.private, func(l lines) bool { return l.first <= line && line <= l.last })
}

// cursor walks a document character by character and knows where it is.
type cursor struct {
	src       *source
	offset    int
	lineStart int
	at        Position
}

func (s *source) cursor() *cursor { return &cursor{src: s, at: Position{Line: 1, Column: 1}} }

func (c *cursor) step() {
	rest := c.src.data[c.offset:]
	if n := lineBreak(rest, c.src.yaml); n > 0 {
		c.offset += n
		c.lineStart = c.offset
		c.at = Position{Line: c.at.Line + 1, Column: 1}
		return
	}
	_, n := utf8.DecodeRune(rest)
	c.offset += n
	c.at.Column++
}

// toOffset goes forward to a byte of the document.
func (c *cursor) toOffset(offset int) Position {
	for offset = min(offset, len(c.src.data)); c.offset < offset; {
		c.step()
	}
	return c.at
}

// toPosition goes forward to a place, or to the end of its line when the line
// is shorter.
func (c *cursor) toPosition(p Position) {
	for c.offset < len(c.src.data) && c.at.Before(p) {
		if c.at.Line == p.Line && lineBreak(c.src.data[c.offset:], c.src.yaml) > 0 {
			return
		}
		c.step()
	}
}

// lineBreak is the length of the line break at the start of b, 0 when there is
// none. YAML 1.1 has more of them than JSON, and the YAML library counts those.
func lineBreak(b []byte, yaml bool) int {
	switch {
	case len(b) == 0:
		return 0
	case b[0] == '\n':
		return 1
	case b[0] == '\r':
		if len(b) > 1 && b[1] == '\n' {
			return 2
		}
		return 1
	case !yaml:
		return 0
	case b[0] == 0xC2 && bytes.HasPrefix(b, []byte("\u0085")):
		return 2
	case b[0] == 0xE2 && (bytes.HasPrefix(b, []byte("\u2028")) || bytes.HasPrefix(b, []byte("\u2029"))):
		return 3
	}
	return 0
}

// excerpt shows the line where the cursor stands, with a caret under its place.
func (c *cursor) excerpt() string {
	data := c.src.data
	left, cutLeft := lastRunes(data[c.lineStart:c.offset], excerptWidth)
	right, cutRight := data[c.offset:], false
	for end, count := 0, 0; ; count++ {
		if end == len(right) || lineBreak(right[end:], c.src.yaml) > 0 {
			right = right[:end]
			break
		}
		if count == excerptWidth {
			right, cutRight = right[:end], true
			break
		}
		_, n := utf8.DecodeRune(right[end:])
		end += n
	}
	before, after := printable(left), printable(right)
	if cutLeft {
		before = "…" + before
	}
	if cutRight {
		after += "…"
	}
	pad := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, before)
	return fmt.Sprintf("%6d | %s%s\n%6s | %s^", c.at.Line, before, after, "", pad)
}

func lastRunes(b []byte, n int) (tail []byte, cut bool) {
	from := len(b)
	for ; from > 0 && n > 0; n-- {
		_, size := utf8.DecodeLastRune(b[:from])
		from -= size
	}
	return b[from:], from > 0
}

// printable replaces what a terminal would not show, or would act upon.
func printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, string(b))
}
