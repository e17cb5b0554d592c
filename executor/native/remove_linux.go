//go:build cgo

package native

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Remove kills the container if it still runs and deletes its folder.
func (p *process) Remove(ctx context.Context) error {
	if err := p.remove(ctx); err != nil {
		return fmt.Errorf("remove container %s: %w", p.id(), err)
	}
	return nil
}

func (p *process) remove(ctx context.Context) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		lock, err := p.folder.take()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			defer func() { _ = lock.Close() }()
			p.exec.reap(p.folder)
			return p.folder.bury()
		}
		if !errors.Is(err, errLocked) {
			return err
		}
		if err := p.endShim(ctx); err != nil {
			return err
		}
	}
}

// endShim waits for a shim whose container has ended, and kills any other. A
// container without a shim is still being started by somebody: then it waits a
// moment.
func (p *process) endShim(ctx context.Context) error {
	shim, err := p.folder.openShim()
	if errors.Is(err, errNoShim) {
		return sleep(ctx, lastInterval)
	}
	if err != nil {
		return err
	}
	defer shim.close()
	now, _, err := p.folder.look()
	if err != nil {
		return err
	}
	if now == ended {
		soon, cancel := context.WithTimeout(ctx, killPatience)
		defer cancel()
		err := shim.wait(soon)
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	if err := shim.kill(); err != nil {
		return err
	}
	return shim.wait(ctx)
}

// take locks the folder. It is errLocked when somebody else has the lock, and
// fs.ErrNotExist when there is no such folder any more.
func (f folder) take() (*os.File, error) {
	lock, err := os.OpenFile(f.path(fileLock), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := f.takeOpen(lock); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

func (f folder) takeOpen(lock *os.File) error {
	ok, err := tryLock(lock)
	if err != nil {
		return err
	}
	if !ok {
		return errLocked
	}
	// The folder may have been replaced between opening and locking.
	mine, err := lock.Stat()
	if err != nil {
		return err
	}
	now, err := os.Stat(f.path(fileLock))
	if err != nil {
		return err
	}
	if !os.SameFile(mine, now) {
		return errLocked
	}
	return nil
}

// bury makes the folder, whose lock the caller holds, disappear from under its
// name at once, and then deletes it.
func (f folder) bury() error {
	if err := f.removeCgroups(); err != nil {
		return err
	}
	dead, err := os.MkdirTemp(filepath.Dir(string(f)), prefixDead)
	if err != nil {
		return err
	}
	if err := unix.Rename(string(f), dead); err != nil { // onto the empty folder, which os.Rename refuses
		return errors.Join(&os.LinkError{Op: "rename", Old: string(f), New: dead, Err: err}, os.Remove(dead))
	}
	return removeTree(dead)
}

// leftoverAge is how old a folder must be to count as left over. Making one
// takes a millisecond.
const leftoverAge = time.Minute

// clearAway removes what somebody made or threw away by halves, unless he is
// still at it.
func clearAway(f folder) error {
	info, err := os.Lstat(string(f))
	if errors.Is(err, fs.ErrNotExist) || err == nil && time.Since(info.ModTime()) < leftoverAge {
		return nil
	}
	lock, err := f.take()
	if errors.Is(err, errLocked) {
		return nil
	}
	if err == nil {
		defer func() { _ = lock.Close() }()
	}
	return removeTree(string(f))
}

// removeTree deletes a folder with directories that their owner may not enter,
// such as overlayfs makes them and an ordinary user cannot delete.
func removeTree(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && err == nil {
			// Before it is read: WalkDir calls first, reads afterwards.
			return os.Chmod(name, 0o700) //nolint:gosec // a folder of the caller's own that is about to go
		}
		return err
	})
	return errors.Join(err, os.RemoveAll(dir))
}
