//go:build unix

package fetch

import (
	"context"
	"os"
	"syscall"
	"time"
)

// openPipe opens a named pipe for reading, which waits for a writer. When ctx
// ends, it becomes that writer itself, again and again until the wait is over:
// the first try may come before the wait begins.
func openPipe(ctx context.Context, name string) (*os.File, error) {
	opened, released := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(released)
		again := time.NewTicker(10 * time.Millisecond)
		defer again.Stop()
		for {
			if w, err := os.OpenFile(name, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
				_ = w.Close() // opening was all
			}
			select {
			case <-opened:
				return
			case <-again.C:
			}
		}
	})
	f, err := os.Open(name)
	close(opened)
	if stop() {
		return f, err
	}
	<-released
	if err == nil {
		_ = f.Close() // the call has failed already
	}
	return nil, context.Cause(ctx)
}
