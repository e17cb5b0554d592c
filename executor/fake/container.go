package fake

import (
	"context"
	"sync"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

const (
	sigTerm = "SIGTERM"
	sigKill = "SIGKILL"
)

// signalNumbers are those of Linux on amd64 and arm64.
var signalNumbers = map[string]int{
	"SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGILL": 4, "SIGABRT": 6, "SIGBUS": 7, "SIGFPE": 8,
	sigKill: 9, "SIGUSR1": 10, "SIGSEGV": 11, "SIGUSR2": 12, "SIGPIPE": 13, "SIGALRM": 14, sigTerm: 15,
}

// SignalExit is how a container ends by a signal. An unknown name counts as
// SIGKILL.
func SignalExit(name string) executor.Exit {
	n, ok := signalNumbers[name]
	if !ok {
		name, n = sigKill, signalNumbers[sigKill]
	}
	return executor.Exit{Code: 128 + n, Signal: name}
}

// container is one container of a host, from its start until it was removed.
type container struct {
	spec   executor.Spec
	image  string
	output record
	cancel context.CancelFunc
	ended  chan struct{} // closed when exit is set
	gone   chan struct{} // closed when it was removed or lost

	mu       sync.Mutex
	killedBy string
	caught   bool
	term     chan struct{} // SIGTERM for a program that catches it
	exit     executor.Exit
}

func newContainer(spec executor.Spec, image string) *container {
	return &container{spec: spec, image: image, ended: make(chan struct{}), gone: make(chan struct{})}
}

// run executes the program to its end. The host's Close waits for it.
func (c *container) run(ctx context.Context, prog Program, p *Proc) {
	began := time.Now()
	exit := prog(ctx, p)
	// The first process takes all others with it.
	c.cancel()
	p.children.Wait()

	c.mu.Lock()
	defer c.mu.Unlock()
	if c.killedBy != "" {
		exit = SignalExit(c.killedBy)
	}
	if exit.StartedAt.IsZero() {
		exit.StartedAt = began
	}
	if exit.FinishedAt.IsZero() {
		exit.FinishedAt = time.Now()
	}
	c.exit = exit
	c.output.close()
	close(c.ended)
}

// kill ends the program, if it has not ended. Only the first signal counts.
func (c *container) kill(signal string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killLocked(signal)
}

func (c *container) killLocked(signal string) {
	if c.killedBy == "" && !c.hasEnded() {
		c.killedBy = signal
	}
	c.cancel()
}

// terminate sends SIGTERM, which kills a program that does not catch it.
func (c *container) terminate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.caught {
		c.killLocked(sigTerm)
		return
	}
	select {
	case c.term <- struct{}{}:
	default: // as in the kernel, a signal that is pending already is not queued again
	}
}

func (c *container) catch() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.caught {
		c.caught, c.term = true, make(chan struct{}, 1)
	}
	return c.term
}

// vanish takes the container from everybody who holds it.
func (c *container) vanish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.isGone() {
		close(c.gone)
	}
}

func (c *container) isGone() bool   { return isClosed(c.gone) }
func (c *container) hasEnded() bool { return isClosed(c.ended) }

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// has reports whether the container carries all the labels.
func (c *container) has(labels map[string]string) bool { return covers(c.spec.Labels, labels) }

func covers(have, want map[string]string) bool {
	for name, value := range want {
		if got, ok := have[name]; !ok || got != value {
			return false
		}
	}
	return true
}
