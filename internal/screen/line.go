package screen

import "strings"

// Style is how a piece of text stands out.
type Style uint8

// The styles. A screen without colours shows all of them alike.
const (
	Normal Style = iota
	Bold
	Dim
	Red
	Green
	Yellow
	Cyan
)

// sgr are the parameters of the styles in ECMA-48's SGR sequence.
var sgr = [...]string{Bold: "1", Dim: "2", Red: "31", Green: "32", Yellow: "33", Cyan: "36"}

// Span is text in one style.
type Span struct {
	Text  string
	Style Style
}

// Line is one line of a screen. Its texts are made harmless when it is shown.
type Line []Span

// Text is a line in one style.
func Text(text string, style Style) Line { return Line{{text, style}} }

// String is the line without styles, harmless.
func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(Clean(s.Text))
	}
	return b.String()
}

// Width is how many cells the line takes.
func (l Line) Width() int { return Width(l.String()) }

// Cut shortens a line to at most so many cells.
func (l Line) Cut(cells int) Line {
	out := make(Line, 0, len(l))
	for i, s := range l {
		text := Clean(s.Text)
		w := Width(text)
		if w > cells || w == cells && !l[i+1:].empty() {
			return append(out, Span{Cut(text+" ", cells), s.Style})
		}
		out = append(out, Span{text, s.Style})
		cells -= w
	}
	return out
}

func (l Line) empty() bool { return l.Width() == 0 }

// encode gives the bytes that show a line.
func (l Line) encode(o Options) string {
	var b strings.Builder
	for _, s := range l {
		text := Clean(s.Text)
		if o.ASCII {
			text = toASCII(text)
		}
		if o.Color && s.Style != Normal && text != "" {
			text = "\x1b[" + sgr[s.Style] + "m" + text + "\x1b[0m"
		}
		b.WriteString(text)
	}
	return b.String()
}

// plainMarks stand in for marks where only ASCII can be shown.
var plainMarks = strings.NewReplacer(
	"✓", "+", "✗", "x", "■", "!", "◷", "@", "●", "*", "→", ">", "│", "|", "━", "=", "─", "-", "…", "~", "×", "x", "·", "-",
)

// toASCII replaces what is not ASCII, cell by cell.
func toASCII(s string) string {
	if harmless(s) {
		return s
	}
	var b strings.Builder
	for _, r := range plainMarks.Replace(s) {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Repeat("?", runeWidth(r)))
		}
	}
	return b.String()
}
