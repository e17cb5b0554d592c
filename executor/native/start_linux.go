//go:build cgo

package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Start starts one container, or finds the one that was started under the same
// ID; see executor.Executor. When ctx ends during the call, the container goes
// on being started.
func (e *Executor) Start(ctx context.Context, spec executor.Spec) (executor.Process, error) {
	if err := spec.Check(); err != nil {
		return nil, err
	}
	p := e.process(spec.ID)
	err := e.start(ctx, p, spec)
	switch {
	case errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT):
		return nil, fmt.Errorf("start container %s: %w: %w", spec.ID, err, executor.ErrDiskFull)
	case err != nil:
		return nil, fmt.Errorf("start container %s: %w", spec.ID, err)
	}
	return p, nil
}

func (e *Executor) start(ctx context.Context, p *process, spec executor.Spec) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		now, err := p.settled(ctx)
		switch {
		case err != nil:
			return err
		case now == running || now == ended:
			return nil
		case now == vanished:
			return fmt.Errorf("it was started before, and its end is not known: %w", executor.ErrNotFound)
		case now == unmade:
			err = p.discard()
		default:
			if err = e.create(ctx, p, spec); err == nil {
				return nil
			}
		}
		if err != nil && !errors.Is(err, errTaken) {
			return err
		}
	}
}

// errTaken: somebody else was faster, and the container has to be looked at
// again.
var errTaken = errors.New("somebody else has it")

// discard removes the folder of a container that was never started.
func (p *process) discard() error {
	lock, err := p.folder.take()
	if errors.Is(err, errLocked) || errors.Is(err, os.ErrNotExist) {
		return errTaken
	}
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if now, _, err := p.folder.look(); err != nil || now != making { // making: the lock is ours
		return errors.Join(errTaken, err)
	}
	p.exec.reap(p.folder)
	return p.folder.bury()
}

// create makes the container and returns when its command is being executed.
func (e *Executor) create(ctx context.Context, p *process, spec executor.Spec) error {
	req, err := e.prepare(ctx, p, spec)
	if err != nil {
		return err
	}
	lock, err := e.claim(p, meta{Labels: spec.Labels, Image: spec.Image, Created: time.Now().UTC()})
	if err != nil {
		return err
	}
	s, err := e.spawn(&req, spec, lock)
	_ = lock.Close() // if there is a shim, it holds the lock now
	if err != nil {
		return errors.Join(err, p.discardOwn(ctx))
	}
	e.reap(p.folder) // an earlier shim of the same ID
	e.addChild(p.folder, s)
	err = s.answer(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return errors.Join(err, p.discardOwn(ctx))
}

// prepare finds out before anything is made what would fail.
func (e *Executor) prepare(ctx context.Context, p *process, spec executor.Spec) (request, error) {
	if err := checkVolumes(spec.Volumes, e.rootless); err != nil {
		return request{}, err
	}
	if err := e.checkLimits(spec); err != nil {
		return request{}, err
	}
	if err := e.checkSettings(spec); err != nil {
		return request{}, err
	}
	s, err := e.open()
	if err != nil {
		return request{}, err
	}
	rootfs, err := s.Rootfs(ctx, spec.Image)
	if err != nil {
		return request{}, err
	}
	req, err := newRequest(spec, rootfs)
	req.Folder, req.Rootless, req.Copy = p.folder, e.rootless, e.copy
	return req, err
}

// claim makes the container's folder, with its lock held. It is errTaken when
// there is one by now.
func (e *Executor) claim(p *process, m meta) (*os.File, error) {
	if err := os.MkdirAll(e.containers, 0o700); err != nil {
		return nil, err
	}
	f, lock, err := newFolder(e.containers, m)
	if err != nil {
		return nil, err
	}
	err = unix.Rename(string(f), string(p.folder)) // fails if that exists, since it is not empty
	if err == nil {
		return lock, nil
	}
	err = &os.LinkError{Op: "rename", Old: string(f), New: string(p.folder), Err: err}
	if errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENOTEMPTY) {
		err = errTaken
	}
	return nil, errors.Join(err, removeTree(string(f)), lock.Close())
}

// discardOwn removes what a failed start has left. It does so even when ctx
// has ended, since the shim is about to end by itself.
func (p *process) discardOwn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), killPatience)
	defer cancel()
	if err := p.remove(ctx); err != nil {
		return fmt.Errorf("clean up after that: %w", err)
	}
	return nil
}

// syncDir makes a folder's entries durable.
func syncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
