package executortest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// capture keeps what is written to it, and lets others wait for a part of it.
type capture struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{}
}

func newCapture() *capture { return &capture{changed: make(chan struct{})} }

func (c *capture) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.changed)
	c.changed = make(chan struct{})
	return c.text.Write(p)
}

func (c *capture) String() string {
	text, _ := c.state()
	return text
}

func (c *capture) state() (string, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String(), c.changed
}

func (c *capture) await(ctx context.Context, marker string) error {
	for {
		text, changed := c.state()
		if strings.Contains(text, marker) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("no %q in the output %q: %w", marker, text, context.Cause(ctx))
		}
	}
}

// follower is a Follow that runs beside the test.
type follower struct {
	t              *test
	stdout, stderr *capture
	cancel         context.CancelFunc
	done           chan struct{}
	err            error // after done
}

// follow follows a container until its end, or until the test's.
func (t *test) follow(p executor.Process) *follower {
	ctx, cancel := context.WithCancel(t.ctx())
	f := &follower{t: t, stdout: newCapture(), stderr: newCapture(), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		f.err = p.Follow(ctx, f.stdout, f.stderr)
	}()
	t.Cleanup(func() { cancel(); <-f.done })
	return f
}

// await waits for a line of stdout.
func (f *follower) await(line string) {
	f.t.Helper()
	if err := f.stdout.await(f.t.ctx(), line+"\n"); err != nil {
		f.t.Fatal(err)
	}
}

// end waits until the Follow has returned, and gives its error.
func (f *follower) end() error {
	f.t.Helper()
	select {
	case <-f.done:
		return f.err
	case <-f.t.ctx().Done():
		f.t.Fatal("Follow does not return")
		return nil
	}
}

// running starts a container and waits until it says that it is ready.
func (t *test) running(spec executor.Spec) (executor.Process, *follower) {
	t.Helper()
	p := t.start(spec)
	f := t.follow(p)
	f.await("ready")
	return p, f
}

// digest is for output that is too long to keep.
type digest struct {
	hash hash.Hash
	size int64
}

func newDigest() *digest { return &digest{hash: sha256.New()} }

func (d *digest) Write(p []byte) (int, error) {
	d.size += int64(len(p))
	return d.hash.Write(p)
}

func (d *digest) String() string { return fmt.Sprintf("%d bytes, sha256 %x", d.size, d.hash.Sum(nil)) }

// digestOf gives the digest of what a generator writes.
func digestOf(write func(io.Writer) error) string {
	d := newDigest()
	if err := write(d); err != nil {
		return err.Error()
	}
	return d.String()
}
