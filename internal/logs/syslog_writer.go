package logs

import (
	"cmp"
	"context"
	"errors"
	"os"
	"sync/atomic"
	"time"
)

const (
	// batchSize is about how many bytes of lines are written at once.
	batchSize = 64 << 10
	// A connection that ended is made anew after firstPause, doubled each time
	// up to maxPause. One that lasted for maxPause begins the count anew.
	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second
	// lastDials is how many connections are made at most after the end was asked for.
	lastDials = 3
)

// writer brings the lines of a queue to a server, over one connection after
// another. Its fields belong to the goroutine of run, except busy.
type writer struct {
	dial   dialer
	stream bool
	queue  *queue
	// stop is closed when no more lines come: what is there is sent, then run ends.
	stop chan struct{}

	pending []line // to be written next
	sent    sent
	pause   time.Duration
	dials   int   // since stop
	err     error // the latest trouble
	// stuck is since when, in nanoseconds, the server takes nothing, over
	// several connections perhaps; 0 when it does.
	stuck int64

	// busy is since when the server has been waited for; 0 while it is not.
	busy atomic.Int64
}

// waiting marks the beginning of a call that waits for the server.
func (w *writer) waiting() { w.busy.Store(cmp.Or(w.stuck, time.Now().UnixNano())) }

// waited marks the end of that call.
func (w *writer) waited(err error) {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		w.stuck = w.busy.Load()
	case err != nil:
		w.stuck = 0 // whatever it is, it does not hang
	}
	w.busy.Store(w.stuck)
}

// run ends when everything was sent after stop, when the server does not
// answer then, or with ctx.
func (w *writer) run(ctx context.Context) {
	for ctx.Err() == nil {
		l := w.connect(ctx)
		if l == nil {
			return
		}
		began := time.Now()
		finished := w.serve(ctx, l)
		l.close()
		if finished {
			return
		}
		if time.Since(began) >= maxPause {
			w.pause = 0
		}
	}
}

// connect tries until there is a connection. It returns nil when it is time to
// give up.
func (w *writer) connect(ctx context.Context) *link {
	for {
		w.wait(ctx)
		if w.stopping() {
			if w.dials++; w.dials > lastDials {
				return nil
			}
		}
		last := w.stopping()
		w.waiting()
		l, err := dial(ctx, w.dial, w.stream)
		w.waited(err)
		w.pause = min(max(2*w.pause, firstPause), maxPause)
		switch {
		case err == nil:
			return l
		case ctx.Err() != nil:
			return nil
		}
		w.err = err
		if last {
			return nil
		}
	}
}

// wait waits for the pause before a connection, which stop cuts short.
func (w *writer) wait(ctx context.Context) {
	if w.pause == 0 {
		return
	}
	timer := time.NewTimer(w.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.stop:
	case <-ctx.Done():
	}
}

func (w *writer) stopping() bool {
	select {
	case <-w.stop:
		return true
	default:
		return false
	}
}

// serve sends over one connection until it ends, or until everything is sent
// after stop.
func (w *writer) serve(ctx context.Context, l *link) (finished bool) {
	for {
		stopping := w.stopping()
		if len(w.pending) == 0 {
			w.stuck = 0
			w.busy.Store(0)
			w.pending = w.queue.take(batchSize)
		}
		if len(w.pending) == 0 {
			if stopping {
				return w.finish(ctx, l)
			}
			select {
			case <-w.queue.ready:
			case <-w.stop:
			case err := <-l.ended:
				return w.broken(ctx, l, err)
			case <-ctx.Done():
				return true
			}
			continue
		}
		if err := w.send(l); err != nil {
			return w.broken(ctx, l, err)
		}
		select {
		case err := <-l.ended:
			return w.broken(ctx, l, err)
		default:
		}
	}
}

func (w *writer) send(l *link) error {
	n, _ := fit(w.pending, batchSize)
	batch := w.pending[:n]
	w.waiting()
	err := l.send(batch)
	w.waited(err)
	if err == nil || l.stream { // a part of a stream may be on its way
		for i := range batch {
			batch[i].sent = time.Now()
		}
	}
	if err != nil {
		return err
	}
	w.sent.add(batch)
	clear(batch) // or the array would keep them
	w.pending = w.pending[n:]
	return nil
}

// finish ends the connection in order. A stream has arrived when the server
// ends its side too.
func (w *writer) finish(ctx context.Context, l *link) (finished bool) {
	if !l.stream {
		w.sent.clear()
		return true
	}
	w.waiting()
	if err := l.finish(); err != nil {
		return w.broken(ctx, l, err)
	}
	select {
	case err := <-l.ended:
		if !read(err) || l.wasReset() {
			return w.broken(ctx, l, err)
		}
		w.sent.clear()
	case <-ctx.Done():
	}
	return true
}

// broken takes back what may have been lost with a connection.
func (w *writer) broken(ctx context.Context, l *link, err error) (finished bool) {
	if ctx.Err() != nil {
		return true
	}
	w.waited(err)
	w.err = err
	w.pending = append(w.sent.takeBack(!l.stream || read(err)), w.pending...)
	return false
}
