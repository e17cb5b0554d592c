//go:build cgo

package native

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// How long a wait lasts at most. Events make it short; the net catches what
// has no event, such as a lock that becomes free a moment after its file was
// closed. Where inotify instances have run out there are no events at all.
const (
	netInterval  = 200 * time.Millisecond
	pollInterval = 10 * time.Millisecond
	lastInterval = time.Millisecond // between the end of the events and what they announced
)

// bell is a pipe from a shim to the process that started it: a byte says that
// there is new output, the end of file that the container has ended or the
// shim has died. It spares that process inotify, which costs milliseconds to
// give up.
type bell struct {
	mu   sync.Mutex // held by whoever listens; bytes reach one listener only
	pipe *os.File
}

// watch wakes those who wait for something to happen in a container's folder.
// It is for one goroutine.
type watch struct {
	events *os.File // nil: poll
	bell   *bell    // whose pipe events is, or nil for inotify
	over   bool
	buf    []byte
}

// Somebody's death shows as IN_CLOSE_WRITE: the shim has files open for writing.
const (
	watchEnd    = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_CLOSE_WRITE | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
	watchOutput = watchEnd | unix.IN_MODIFY
)

// newWatch watches through the bell if there is one that nobody else listens
// to, and else through inotify.
func newWatch(f folder, b *bell, events uint32) *watch {
	if b != nil && b.mu.TryLock() {
		return &watch{events: b.pipe, bell: b, buf: make([]byte, 4096)}
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return &watch{}
	}
	if _, err := unix.InotifyAddWatch(fd, string(f), events); err != nil {
		_ = unix.Close(fd)
		return &watch{}
	}
	return &watch{events: os.NewFile(uintptr(fd), "inotify"), buf: make([]byte, 4096)}
}

func (w *watch) close() {
	switch {
	case w.bell != nil:
		w.bell.mu.Unlock()
	case w.events != nil:
		_ = w.events.Close()
	}
}

// wait returns nil when something has happened since the last call, or might
// have. Its only errors are the cause of ctx and a broken watch.
func (w *watch) wait(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case w.events == nil:
		return sleep(ctx, pollInterval)
	case w.over:
		return sleep(ctx, lastInterval)
	}
	if w.events.SetReadDeadline(time.Now().Add(netInterval)) != nil {
		w.over = true // closed: the container is being removed
		return nil
	}
	stop := context.AfterFunc(ctx, func() { _ = w.events.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := w.events.Read(w.buf)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, io.EOF), errors.Is(err, os.ErrClosed):
		w.over = true
	case errors.Is(err, os.ErrDeadlineExceeded):
	default:
		return err
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
