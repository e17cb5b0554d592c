//go:build cgo

package native

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// killPatience is how long a shim may take to do what is asked of it before it
// is killed itself.
const killPatience = 10 * time.Second

// What a shim is asked with.
const (
	askTerm = unix.SIGTERM // send the container's first process SIGTERM
	askKill = unix.SIGUSR1 // kill the container
)

// process is a container as one holder sees it.
type process struct {
	exec   *Executor
	folder folder
}

func (p *process) id() string { return p.folder.id() }

// Handle is what Attach needs.
func (p *process) Handle() executor.Handle { return executor.Handle{Executor: Name, ID: p.id()} }

func (p *process) watch(events uint32) *watch {
	return newWatch(p.folder, p.exec.bell(p.folder), events)
}

func (p *process) notFound(doing string) error {
	return fmt.Errorf("%s container %s: %w", doing, p.id(), executor.ErrNotFound)
}

// until waits until the container's phase is one of those, and returns it.
func (p *process) until(ctx context.Context, phases ...phase) (phase, record, error) {
	var want [vanished + 1]bool
	for _, ph := range phases {
		want[ph] = true
	}
	if ctx.Err() != nil {
		return absent, record{}, context.Cause(ctx)
	}
	now, rec, err := p.folder.look()
	if err != nil || want[now] {
		return now, rec, err
	}
	w := p.watch(watchEnd)
	defer w.close()
	for {
		now, rec, err := p.folder.look()
		if err != nil || want[now] {
			return now, rec, err
		}
		if err := w.wait(ctx); err != nil {
			return now, rec, err
		}
	}
}

// settled waits while somebody is at work to start the container.
func (p *process) settled(ctx context.Context) (phase, error) {
	now, _, err := p.until(ctx, absent, unmade, running, ended, vanished)
	return now, err
}

// gone waits while the container runs.
func (p *process) gone(ctx context.Context) (phase, record, error) {
	return p.until(ctx, absent, unmade, ended, vanished)
}

// Wait returns how the container ended. One whose shim was killed, and one that
// was removed, is executor.ErrNotFound.
func (p *process) Wait(ctx context.Context) (executor.Exit, error) {
	now, rec, err := p.gone(ctx)
	if err != nil {
		return executor.Exit{}, fmt.Errorf("wait for container %s: %w", p.id(), err)
	}
	if now != ended {
		return executor.Exit{}, p.notFound("wait for")
	}
	return rec.Exit, nil
}

// Stop asks the container to end, kills it after grace and waits for its end.
func (p *process) Stop(ctx context.Context, grace time.Duration) error {
	if err := p.stop(ctx, grace); err != nil {
		return fmt.Errorf("stop container %s: %w", p.id(), err)
	}
	return nil
}

func (p *process) stop(ctx context.Context, grace time.Duration) error {
	if now, err := p.settled(ctx); err != nil || now != running {
		return err
	}
	for _, try := range []struct {
		ask      unix.Signal
		patience time.Duration
	}{
		{askTerm, grace},
		{askKill, killPatience},
		{unix.SIGKILL, killPatience},
	} {
		if try.patience <= 0 {
			continue
		}
		over, err := p.ask(ctx, try.ask, try.patience)
		if over || err != nil {
			return err
		}
	}
	return errors.New("its shim cannot be killed")
}

// ask sends the shim a signal and waits for the container's end. over is false
// when it did not come in time.
func (p *process) ask(ctx context.Context, sig unix.Signal, patience time.Duration) (over bool, err error) {
	if err := p.folder.signalShim(sig); err != nil {
		return false, err
	}
	soon, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, _, err = p.gone(soon)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return false, nil
	}
	return err == nil, err
}
