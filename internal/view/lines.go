package view

import "bytes"

// MaxLine is the longest line in bytes that is shown as one; longer ones are
// shown in pieces.
const MaxLine = 16 << 10

// lineWriter hands what is written to it on, line by line without the line
// ends. It holds at most MaxLine bytes.
type lineWriter struct {
	emit func(line string)
	rest []byte
}

// Write always takes all of p.
func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		room := MaxLine - len(w.rest)
		switch {
		case i >= 0 && i <= room:
			w.flush(p[:i])
			p = p[i+1:]
		case len(p) > room:
			w.flush(p[:room])
			p = p[room:]
		default:
			w.rest = append(w.rest, p...)
			p = nil
		}
	}
	return n, nil
}

// Close hands on a last line that had no end.
func (w *lineWriter) Close() error {
	if len(w.rest) > 0 {
		w.flush(nil)
	}
	return nil
}

func (w *lineWriter) flush(tail []byte) {
	line := tail
	if len(w.rest) > 0 {
		line = append(w.rest, tail...)
		w.rest = w.rest[:0]
	}
	w.emit(string(bytes.TrimSuffix(line, []byte("\r"))))
}
