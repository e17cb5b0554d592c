package logs

import (
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Escape gives a writer for lines of JSON that leaves nothing in them which a
// terminal may obey. Each Write has to hold whole lines.
func Escape(w io.Writer) io.Writer { return harmless{w} }

// harmless writes records of slog's own handlers. These leave a few characters
// as they are that a terminal may act upon or that turn text around: DEL in
// both formats, and in JSON the control characters above ASCII and those that
// cannot be seen. They come as \u and four digits, which both formats know.
type harmless struct{ w io.Writer }

// Write takes one whole record, as the handlers write it.
func (h harmless) Write(record []byte) (int, error) {
	if clean(record) {
		return h.w.Write(record)
	}
	if _, err := h.w.Write(escape(record)); err != nil {
		return 0, err
	}
	return len(record), nil
}

func clean(record []byte) bool {
	for _, c := range record {
		if c > '~' {
			return false
		}
	}
	return true
}

func escape(record []byte) []byte {
	out := make([]byte, 0, len(record)+16)
	for len(record) > 0 {
		r, n := utf8.DecodeRune(record)
		switch {
		case r == '\n' || r == utf8.RuneError || strconv.IsPrint(r):
			out = append(out, record[:n]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		record = record[n:]
	}
	return out
}
