package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

var errSecondSignal = errors.New("ended by a second signal")

func notifySignals() <-chan os.Signal {
	c := make(chan os.Signal, 2)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	return c
}

// interrupts turns signals into an orderly end (the first) and an immediate
// one (the second). The returned function releases what it started.
func interrupts(ctx context.Context, s *IO) (context.Context, <-chan struct{}, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	interrupt := make(chan struct{}, 1)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			case sig := <-s.Signals:
				if n > 1 {
					cancel(errSecondSignal)
					return
				}
				_, _ = fmt.Fprintf(s.Err, "kog: %s: stopping the open step and following its abort edge; once more ends kog at once\n", sig)
				interrupt <- struct{}{}
			}
		}
	}()
	return ctx, interrupt, func() {
		close(stop)
		<-stopped
		cancel(nil)
	}
}
