package fake

import "sync"

// chunkSize is where a chunk of output is full enough for a new one.
const chunkSize = 64 << 10

// record holds what a container wrote, both streams in one order.
type record struct {
	mu      sync.Mutex
	chunks  []chunk
	closed  bool
	changed chan struct{} // closed at the next change; nil while nobody waits
}

type chunk struct {
	stderr bool
	data   []byte
}

// position is how far a reader has come.
type position struct{ chunk, offset int }

func (r *record) write(stderr bool, p []byte) {
	if len(p) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.chunks); n > 0 && r.chunks[n-1].stderr == stderr && len(r.chunks[n-1].data) < chunkSize {
		// Readers hold slices of this array: only what lies behind them is written.
		r.chunks[n-1].data = append(r.chunks[n-1].data, p...)
	} else {
		r.chunks = append(r.chunks, chunk{stderr, append([]byte(nil), p...)})
	}
	r.wake()
}

// close says that nothing follows.
func (r *record) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.wake()
}

func (r *record) wake() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// next gives what follows at a position and moves it. Without data it gives
// either the end or a channel that is closed at the next change.
func (r *record) next(at *position) (c chunk, end bool, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for at.chunk < len(r.chunks) {
		c = r.chunks[at.chunk]
		if at.offset < len(c.data) {
			c.data = c.data[at.offset:]
			at.offset += len(c.data)
			return c, false, nil
		}
		if at.chunk == len(r.chunks)-1 {
			break // more may be added to it
		}
		*at = position{chunk: at.chunk + 1}
	}
	if r.closed {
		return chunk{}, true, nil
	}
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return chunk{}, false, r.changed
}
