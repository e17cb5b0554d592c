package screen

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// tabStop is how many cells apart the tab stops are.
const tabStop = 8

// escapes finds escape sequences, so that nothing of them is shown: CSI, the
// strings (OSC, DCS, ...) with their end, and those of a single character.
// What it misses loses its control characters all the same.
// Source of the rule: ECMA-48.
var escapes = regexp.MustCompile("(?:\x1b\\[|\u009b)[0-?]*[ -/]*[@-~]|" +
	"(?:\x1b[\\]PX^_]|[\u0090\u0098\u009d\u009e\u009f])[^\x07\x1b\u009c]*(?:\x07|\x1b\\\\|\u009c)|" +
	"\x1b[ -/]*[0-~]")

// Clean makes a line of somebody else's text harmless for a terminal, and its
// width known: no escape sequences, control, format or unassigned characters
// are left, tabs and line ends are spaces, and bytes that are no UTF-8 are
// U+FFFD.
func Clean(s string) string {
	if harmless(s) {
		return s
	}
	var b strings.Builder
	cells := 0
	for _, r := range escapes.ReplaceAllLiteralString(s, "") {
		switch {
		case r == '\t':
			n := tabStop - cells%tabStop
			b.WriteString(strings.Repeat(" ", n))
			cells += n
		case unicode.Is(unicode.Variation_Selector, r):
			// It would change the width of the character before it.
		case unicode.IsPrint(r):
			b.WriteRune(r)
			cells += runeWidth(r)
		case r == '\n' || unicode.Is(unicode.Z, r):
			b.WriteByte(' ')
			cells++
		}
	}
	return b.String()
}

func harmless(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Width is how many cells of a terminal a clean text takes. Characters that
// some terminals join are counted one by one, so it may be too large.
func Width(s string) int {
	cells := 0
	for _, r := range s {
		cells += runeWidth(r)
	}
	return cells
}

func runeWidth(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Cut shortens a clean text to at most so many cells; what was cut ends in "…".
func Cut(s string, cells int) string {
	if cells <= 0 {
		return ""
	}
	used, end := 0, 0
	for i, r := range s {
		w := runeWidth(r)
		if used+w > cells {
			return s[:end] + "…"
		}
		if used += w; used < cells {
			end = i + len(string(r))
		}
	}
	return s
}

// Wrap folds a clean text into rows of at most so many cells, between words
// where it can.
func Wrap(s string, cells int) []string {
	cells = max(cells, 2) // room for any character
	var rows []string
	for {
		end := rowEnd(s, cells)
		if end == len(s) {
			return append(rows, s)
		}
		rows = append(rows, s[:end])
		s = strings.TrimLeft(s[end:], " ")
	}
}

// rowEnd is where the first row of a text ends.
func rowEnd(s string, cells int) int {
	space, used := 0, 0
	for i, r := range s {
		if r == ' ' {
			space = i
		}
		if used += runeWidth(r); used <= cells {
			continue
		}
		if space > 0 {
			return space
		}
		return i
	}
	return len(s)
}
