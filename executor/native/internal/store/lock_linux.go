package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// errLocked: somebody else holds the lock.
var errLocked = errors.New("locked")

// The pauses between two looks at a lock that somebody else holds.
const (
	firstLook = 5 * time.Millisecond
	lastLook  = 200 * time.Millisecond
)

// tryLock takes the exclusive lock of that name or fails with errLocked. The
// kernel lets go of it when the process ends, however it ends.
func tryLock(path string) (unlock func(), err error) { return take(path, unix.LOCK_EX|unix.LOCK_NB) }

// lockShared waits for whoever cleans up, which is not long.
func lockShared(path string) (unlock func(), err error) { return take(path, unix.LOCK_SH) }

// lock waits for the exclusive lock as long as ctx lasts.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		unlock, err := tryLock(path)
		if !errors.Is(err, errLocked) {
			return unlock, err
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, fmt.Errorf("wait for another process that makes the same layer: %w", err)
		}
	}
}

func take(path string, how int) (func(), error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = f.Close() }, nil
}
