package docker

import (
	"context"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Docker before API 1.42 announces the end of a container and then takes its
// network apart. It answers no question about the container before that is done,
// some 40 ms later. What lies between two containers is done meanwhile, up to
// the start of the next one: making a network and taking one apart at the same
// time costs more than one after the other.
//
// Only a good end is taken from the announcement. To a bad one belongs whether
// memory ran out, and to one that was asked for, when exactly it came; the
// announcement says neither.

// settleTimeout is how long a start waits for the rest of another container's
// end, counted from before the container was made. A maker may take half of
// takeOver for all of it.
const settleTimeout = takeOver / 3

// hear waits for the container's end, or for the announcement of a good one,
// whichever is first. Only then heard is true.
func (p *process) hear(ctx context.Context) (exit executor.Exit, heard bool, err error) {
	// Afar, listening costs more than it gives.
	if !p.exec.local || !p.exec.speaksLess(p.exec.flavour.announcesBefore) {
		return exit, false, p.end(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- p.end(ctx) }()
	announced := make(chan executor.Exit, 1)
	go func() {
		if exit, ok := p.announcement(ctx); ok {
			announced <- exit
		}
	}()
	select {
	case err := <-ended:
		return exit, false, err
	case exit := <-announced:
		p.exec.unsettled.add(p.handle.Ref)
		if p.stopped.Load() || p.exec.absences.during(p.handle.Ref) {
			return exit, false, nil
		}
		p.announce()
		return exit, true, nil
	}
}

// announcement waits for that of a good end. There may be none, and no reason
// for that matters.
func (p *process) announcement(ctx context.Context) (executor.Exit, bool) {
	said := p.exec.api.Events(ctx, client.EventsListOptions{
		Filters: make(client.Filters).Add("container", p.handle.Ref).Add("event", string(events.ActionDie)),
	})
	c, err := p.exec.inspect(ctx, p.handle.Ref)
	if err != nil || c.State.Status != container.StateRunning {
		return executor.Exit{}, false
	}
	for {
		select {
		case m := <-said.Messages:
			if m.Actor.ID != c.ID || m.Action != events.ActionDie {
				continue
			}
			exit := executor.Exit{StartedAt: moment(c.State.StartedAt), FinishedAt: time.Unix(0, m.TimeNano).UTC()}
			return exit, m.Actor.Attributes["exitCode"] == "0"
		case err := <-said.Err:
			p.exec.log.Debug("no announcement of the end", "container", p.handle.ID, "reason", err)
			return executor.Exit{}, false
		}
	}
}

// unsettled are containers whose end was announced, and which the engine may
// still be taking apart.
type unsettled struct {
	mu   sync.Mutex
	refs []string
}

func (u *unsettled) add(ref string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.refs = append(u.refs, ref)
}

func (u *unsettled) take() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	refs := u.refs
	u.refs = nil
	return refs
}

// settle waits until the engine is done with what it has announced, for a
// container whose making began then.
func (e *Executor) settle(ctx context.Context, began time.Time) {
	ctx, cancel := context.WithDeadline(ctx, began.Add(settleTimeout))
	defer cancel()
	for _, ref := range e.unsettled.take() {
		// Whatever the answer is, it comes after that.
		if _, err := e.api.ContainerInspect(ctx, ref, client.ContainerInspectOptions{}); err != nil {
			e.log.Debug("waiting for the rest of an end", "container", ref, "error", err)
		}
	}
}
