//go:build cgo

package native

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

var errLocked = errors.New("somebody else holds the lock")

// Locks belong to the open file, not to the process: the shim inherits the one
// that its parent took. And whether one is held can be seen without taking it.
// Source of the rule: fcntl(2), "Open file description locks".

// tryLock takes the lock. ok is false when somebody else holds it.
func tryLock(f *os.File) (ok bool, err error) {
	lk := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lk)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, nil
	}
	return err == nil, os.NewSyscallError("fcntl", err)
}

// locked reports whether anybody holds the lock of a container's folder.
func locked(root *os.Root) (bool, error) {
	f, err := root.Open(fileLock)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	lk := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lk); err != nil {
		return false, os.NewSyscallError("fcntl", err)
	}
	return lk.Type != unix.F_UNLCK, nil
}
