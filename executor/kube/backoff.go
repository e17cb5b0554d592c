package kube

import (
	"context"
	"time"
)

// backoff waits longer each time, up to a bound, until it is reset.
type backoff struct {
	wait time.Duration
}

const (
	backoffFirst = 100 * time.Millisecond
	backoffMost  = 5 * time.Second
)

func (b *backoff) pause(ctx context.Context) error {
	b.wait = min(max(2*b.wait, backoffFirst), backoffMost)
	return pause(ctx, b.wait)
}

func (b *backoff) reset() { b.wait = 0 }

// pause waits, and no longer than ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
