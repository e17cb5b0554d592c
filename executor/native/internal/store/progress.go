package store

import (
	"fmt"
	"sync"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// progressInterval is the shortest time between two reports of one download.
const progressInterval = 200 * time.Millisecond

// progress counts the bytes of an image's layers and reports them, not too
// often, one report at a time.
type progress struct {
	report func(executor.Progress)
	ref    string

	mu    sync.Mutex
	done  int64
	total int64
	last  time.Time
}

func newProgress(req executor.ImageRequest) *progress {
	return &progress{report: req.Progress, ref: req.Ref}
}

// Write counts.
func (p *progress) Write(b []byte) (int, error) {
	p.add(int64(len(b)))
	return len(b), nil
}

func (p *progress) add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if now := time.Now(); p.report != nil && now.Sub(p.last) >= progressInterval {
		p.last = now
		p.report(executor.Progress{Message: "pulling " + p.ref, Done: p.done, Total: p.total})
	}
}

// start announces how much there is to download.
func (p *progress) start(total int64) {
	p.mu.Lock()
	p.total = total
	p.last = time.Time{}
	p.mu.Unlock()
	p.add(0)
}

func (p *progress) finish() {
	if p.report != nil {
		p.report(executor.Progress{Message: fmt.Sprintf("pulled %s", p.ref), Done: p.done, Total: p.total})
	}
}

func (p *progress) warn(message string) {
	if p.report != nil {
		p.report(executor.Progress{Message: message, Warning: true})
	}
}
