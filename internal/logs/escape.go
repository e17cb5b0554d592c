package logs

import (
	"bytes"
	"fmt"
	"io"
)

// Escape gives a writer for JSON that escapes the control characters which
// JSON may hold as they are, and a terminal may obey: U+007F to U+009F. Each
// Write has to hold whole characters.
func Escape(w io.Writer) io.Writer { return escaper{w} }

type escaper struct{ w io.Writer }

func (e escaper) Write(p []byte) (int, error) {
	if bytes.IndexByte(p, 0xc2) < 0 && bytes.IndexByte(p, 0x7f) < 0 {
		return e.w.Write(p)
	}
	out := make([]byte, 0, len(p)+32)
	for i := 0; i < len(p); i++ {
		switch {
		case p[i] == 0x7f:
			out = append(out, `\u007f`...)
		case p[i] == 0xc2 && i+1 < len(p) && p[i+1] < 0xa0: // the encoding of U+0080 to U+009F
			i++
			out = fmt.Appendf(out, `\u%04x`, p[i])
		default:
			out = append(out, p[i])
		}
	}
	if _, err := e.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}
