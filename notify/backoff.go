package notify

import (
	"errors"
	"math/rand/v2"
	"time"
)

// Waits between two tries: firstWait, doubled each time up to maxWait, of which
// a random half is taken off. A receiver may ask for up to MaxRetryAfter.
const (
	firstWait = 500 * time.Millisecond
	maxWait   = 30 * time.Second
	// MaxRetryAfter is the longest that a receiver's Retry-After is honoured.
	MaxRetryAfter = 5 * time.Minute
)

// backoff counts the waits for one notification.
type backoff struct{ base time.Duration }

// next is how long to wait after an error, and whether the receiver asked for
// it.
func (b *backoff) next(err error) (wait time.Duration, asked bool) {
	b.base = min(max(firstWait, 2*b.base), maxWait)
	wait = b.base - rand.N(b.base/2)
	var busy *BusyError
	if errors.As(err, &busy) && busy.After > wait {
		return min(busy.After, MaxRetryAfter), true
	}
	return wait, false
}
