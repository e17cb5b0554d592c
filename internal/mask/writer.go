package mask

import (
	"errors"
	"io"
)

// Writer masks a stream that comes in pieces of any size: what comes out is
// what String makes of the whole. It holds back only what may be the beginning
// of a secret. It is not safe for concurrent use.
type Writer struct {
	m   *Masker
	w   io.Writer
	err error
	// rest is held back, out is a buffer.
	rest, out []byte
}

// Writer gives a Writer in front of w.
func (m *Masker) Writer(w io.Writer) *Writer { return &Writer{m: m, w: w} }

// Write takes all of p, unless w fails: then it returns 0 and the error of w,
// then and ever after.
func (w *Writer) Write(p []byte) (int, error) {
	b := p
	if len(w.rest) > 0 {
		w.rest = append(w.rest, p...)
		b = w.rest
	}
	if w.pass(b, true); w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// Flush writes what is held back. The stream may go on, but a secret around
// this place is not found.
func (w *Writer) Flush() error {
	w.pass(w.rest, false)
	return w.err
}

// Close flushes, and closes w when that is an io.Closer.
func (w *Writer) Close() error {
	err := w.Flush()
	if c, ok := w.w.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	return err
}

// pass writes b masked, up to what has to be held back.
func (w *Writer) pass(b []byte, more bool) {
	if w.err != nil {
		return
	}
	out, pos := w.out[:0], 0
	h := w.m.find.next(b, pos, more)
	for ; h.end > h.begin; h = w.m.find.next(b, pos, more) {
		out = append(out, b[pos:h.begin]...)
		out = append(out, Replacement...)
		pos = h.end
	}
	clean := b[pos:h.begin]
	if pos > 0 {
		out = append(out, clean...)
		clean = out
	}
	w.out = out
	if len(clean) > 0 {
		_, w.err = w.w.Write(clean)
	}
	w.rest = append(w.rest[:0], b[h.begin:]...)
}
