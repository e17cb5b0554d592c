package store

import (
	"errors"
	"fmt"
	"syscall"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// marked gives an error one of the executor's sentinels without adding to its text.
type marked struct {
	err  error
	mark error
}

func (e *marked) Error() string   { return e.err.Error() }
func (e *marked) Unwrap() []error { return []error{e.err, e.mark} }

func mark(err, sentinel error) error {
	if err == nil || errors.Is(err, sentinel) {
		return err
	}
	return &marked{err: err, mark: sentinel}
}

func markf(sentinel error, format string, args ...any) error {
	return mark(fmt.Errorf(format, args...), sentinel)
}

// onDisk recognises a disk or quota that is used up, and says what to do.
func (s *Store) onDisk(err error) error {
	if err == nil || errors.Is(err, executor.ErrDiskFull) {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return markf(executor.ErrDiskFull, "%w; make room for the image store %s", err, s.dir)
	}
	return err
}
