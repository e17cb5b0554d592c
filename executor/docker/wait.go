package docker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Wait says how the container ended; see executor.Process.
func (p *process) Wait(ctx context.Context) (executor.Exit, error) {
	exit, err := p.wait(ctx)
	if err != nil {
		return executor.Exit{}, fmt.Errorf("wait for container %s: %w", p.handle.ID, err)
	}
	return exit, nil
}

func (p *process) wait(ctx context.Context) (executor.Exit, error) {
	if ctx.Err() != nil {
		return executor.Exit{}, context.Cause(ctx)
	}
	exit, heard, err := p.hear(ctx)
	if err != nil {
		return executor.Exit{}, p.missed(err)
	}
	p.exec.feeders.close(p.handle.Ref)
	if heard {
		return exit, nil
	}
	c, err := p.exec.inspect(ctx, p.handle.Ref)
	if err != nil {
		return executor.Exit{}, p.missed(err)
	}
	exit, err = exitOf(c.State)
	if err == nil && p.exec.absences.during(p.handle.Ref) && p.exec.stopsContainers(ctx) {
		exit.Reason = "the engine went away while it ran"
	}
	return exit, err
}

// absences are the containers that were waited for when the engine went away.
type absences struct {
	mu   sync.Mutex
	refs map[string]bool
}

// missed remembers that the engine went away, if it did.
func (p *process) missed(err error) error {
	if errors.Is(err, executor.ErrEngineGone) {
		a := &p.exec.absences
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.refs == nil {
			a.refs = map[string]bool{}
		}
		a.refs[p.handle.Ref] = true
	}
	return err
}

func (a *absences) during(ref string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refs[ref]
}

// stopsContainers reports whether an engine that ends takes its containers with
// it. They leave an exit code, which is not their own choice.
func (e *Executor) stopsContainers(ctx context.Context) bool {
	result, err := e.api.Info(ctx, client.InfoOptions{})
	return e.flavour.endsContainers && (err != nil || !result.Info.LiveRestoreEnabled)
}

// end waits until the container does not run any more.
func (p *process) end(ctx context.Context) error {
	if p.exec.flavour.poll > 0 {
		return p.pollEnd(ctx, func() error { return nil })
	}
	// The result's goroutine ends with its ctx.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	result := p.exec.api.ContainerWait(ctx, p.handle.Ref, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case <-result.Result:
		return nil
	case err := <-result.Error:
		return p.exec.aboutContainer(ctx, err)
	}
}

// pollEnd looks for the end: often in the beginning, when most containers end,
// and at most ten percent too late. Whenever it runs still, running is called.
func (p *process) pollEnd(ctx context.Context, running func() error) error {
	began := time.Now()
	for {
		c, err := p.exec.inspect(ctx, p.handle.Ref)
		if err != nil || !c.State.Running && !c.State.Paused {
			return err
		}
		if err := running(); err != nil {
			return err
		}
		wait := min(max(time.Since(began)/10, 5*time.Millisecond), p.exec.flavour.poll)
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// exitOf is how a container ended that does not run. Whatever the engine holds
// that is no end of a started container is none that anybody recorded.
func exitOf(s *container.State) (executor.Exit, error) {
	if s.Status != container.StateExited && s.Status != "stopped" {
		return executor.Exit{}, fmt.Errorf("the engine says that it is %s: %w", s.Status, executor.ErrNotFound)
	}
	exit := executor.Exit{
		Code:       s.ExitCode,
		OOMKilled:  s.OOMKilled && s.ExitCode != 0,
		StartedAt:  moment(s.StartedAt),
		FinishedAt: moment(s.FinishedAt),
	}
	return exit, nil
}

// moment reads a time of the engine; the year 1 means that it knows none.
func moment(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}
