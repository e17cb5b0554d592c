package docker

import (
	"bytes"
	"io"
	"sync"
)

// heldLimit is how much of a followed log is held until it is known to be right.
const heldLimit = 4 << 20

// held is output of two streams that waits to be let go, in its order. Who writes
// more than heldLimit waits.
type held struct {
	mu      sync.Mutex
	changed sync.Cond
	pieces  []piece
	size    int
	closed  bool
}

type piece struct {
	to   io.Writer
	data []byte
}

func newHeld() *held {
	h := &held{}
	h.changed.L = &h.mu
	return h
}

// writer holds what is written for w.
func (h *held) writer(w io.Writer) io.Writer { return heldWriter{h, w} }

type heldWriter struct {
	h *held
	w io.Writer
}

func (w heldWriter) Write(p []byte) (int, error) {
	h := w.h
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.size > heldLimit && !h.closed {
		h.changed.Wait()
	}
	if h.closed {
		return 0, io.ErrClosedPipe
	}
	h.pieces = append(h.pieces, piece{w.w, bytes.Clone(p)})
	h.size += len(p)
	return len(p), nil
}

// count is how many pieces are held.
func (h *held) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.pieces)
}

// letGo writes the first n pieces.
func (h *held) letGo(n int) error {
	h.mu.Lock()
	pieces := h.pieces[:n:n]
	h.pieces = h.pieces[n:]
	for _, p := range pieces {
		h.size -= len(p.data)
	}
	h.changed.Broadcast()
	h.mu.Unlock()
	for _, p := range pieces {
		if _, err := p.to.Write(p.data); err != nil {
			return err
		}
	}
	return nil
}

// close lets nobody wait or write any more.
func (h *held) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.changed.Broadcast()
}
