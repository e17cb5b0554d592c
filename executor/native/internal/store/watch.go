package store

import (
	"context"
	"errors"
	"io"
	"time"
)

// errSilent is the cause of a context that ended because no data came.
var errSilent = errors.New("no data")

// watched reads a body and ends its request when nothing comes for too long.
type watched struct {
	in      io.Reader
	timeout time.Duration
	timer   *time.Timer
}

// watch begins at once. stop must be called.
func watch(in io.Reader, timeout time.Duration, cancel context.CancelCauseFunc) *watched {
	return &watched{in: in, timeout: timeout, timer: time.AfterFunc(timeout, func() { cancel(errSilent) })}
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.in.Read(p)
	if n > 0 {
		w.timer.Reset(w.timeout)
	}
	return n, err
}

func (w *watched) stop() { w.timer.Stop() }
