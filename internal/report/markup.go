package report

import (
	"fmt"
	"html"
	"io"
)

// markup writes HTML. What it is given to fill in is escaped, whatever it is,
// for the two places where it may stand: the text of an element, and the value
// of an attribute in double quotes. Elsewhere only numbers may be filled in.
type markup struct{ errWriter }

// static writes markup that is the same in every page.
func (m *markup) static(s string) {
	if m.err == nil {
		_, m.err = io.WriteString(m.w, s)
	}
}

// printf fills text and numbers into a constant format, which is markup.
func (m *markup) printf(format string, args ...any) {
	filled := make([]any, len(args))
	for i, a := range args {
		filled[i] = escaped(a)
	}
	m.errWriter.printf(format, filled...)
}

func escaped(a any) any {
	switch a := a.(type) {
	case int, float64:
		return a
	case string:
		return html.EscapeString(a)
	}
	return html.EscapeString(fmt.Sprint(a))
}

// optional fills in text unless there is none.
func (m *markup) optional(format, text string) {
	if text != "" {
		m.printf(format, text)
	}
}
