package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// tryTimeout limits one try to deliver a notification.
const tryTimeout = 10 * time.Second

// outbox delivers the notifications of one run to one receiver, in order.
// Whoever calls start calls end, which waits for its goroutine.
type outbox struct {
	to     Notifier
	label  string // what messages call it
	folder string
	log    *slog.Logger

	closing chan struct{} // closed when nothing will be added any more
	hurry   chan struct{} // closing, until it has cut one wait short
	wake    chan struct{}
	cancel  context.CancelFunc
	stopped chan struct{}

	mu      sync.Mutex
	spool   *spool // nil when it could not be opened
	last    uint64 // of the latest record that is kept or could not be
	waiting []entry
	unkept  int // records that are not in the spool
	refused int
	trouble string // the latest
}

func newOutbox(index int, to Notifier, log *slog.Logger) *outbox {
	label := fmt.Sprintf("notifier %d (%s)", index+1, to.Name())
	closing := make(chan struct{})
	return &outbox{
		to: to, label: label, folder: fmt.Sprintf("%d-%s", index+1, to.Key()), log: log.With("notifier", label),
		closing: closing, hurry: closing, wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
}

// start opens the spool and begins to deliver.
func (o *outbox) start(dir string) {
	ctx, cancel := context.WithCancel(context.Background())
	o.cancel = cancel
	s, c, err := openSpool(dir)
	if err != nil {
		o.fail(fmt.Errorf("open spool: %w", err))
		close(o.stopped)
		return
	}
	o.spool, o.waiting, o.last, o.refused = s, c.waiting, c.last, len(c.refused)
	if o.refused > 0 {
		o.trouble = c.refused[o.refused-1].Refused
	}
	go o.work(ctx)
}

// wants reports whether an event is newer than all that was added.
func (o *outbox) wants(seq uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return seq > o.last
}

// add puts a record into the spool; err is why there is none. After trouble
// with the spool nothing more goes into it: what is missing has to come in
// order when the run goes on.
func (o *outbox) add(r record, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.Seq <= o.last {
		return
	}
	o.last = r.Seq
	var e entry
	if err == nil && o.spool != nil && o.unkept == 0 {
		if e, err = o.spool.append(r); err == nil {
			o.waiting = append(o.waiting, e)
			select {
			case o.wake <- struct{}{}:
			default:
			}
			return
		}
	}
	o.unkept++
	if err != nil {
		o.failLocked(fmt.Errorf("spool notification %s: %w", r.ID, err))
	}
}

// work delivers until nothing is left after closing, or ctx ends.
func (o *outbox) work(ctx context.Context) {
	defer close(o.stopped)
	for {
		e, ok := o.first()
		if !ok {
			select {
			case <-o.wake:
				continue
			case <-ctx.Done():
				return
			case <-o.closing:
			}
			if e, ok = o.first(); !ok {
				return
			}
		}
		err := o.deliver(ctx, e)
		var refused *RefusedError
		if err != nil && !errors.As(err, &refused) {
			return // ctx has ended
		}
		o.conclude(e, err)
	}
}

func (o *outbox) first() (entry, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) == 0 {
		return entry{}, false
	}
	return o.waiting[0], true
}

// deliver tries until a notification is delivered or refused, or ctx ends.
// When the run ends, a wait of our own making ends too, once.
func (o *outbox) deliver(ctx context.Context, e entry) error {
	var pause backoff
	for n := 1; ; n++ {
		err := o.try(ctx, e)
		var refused *RefusedError
		if err == nil || errors.As(err, &refused) {
			return err
		}
		if ctx.Err() != nil {
			err = errors.New("no answer before the wait at the end of the run was over")
		}
		o.fail(err)
		if ctx.Err() != nil {
			return err
		}
		if n == 1 {
			o.log.Warn("notification is not delivered yet", "error", err)
		}
		wait, asked := pause.next(err)
		hurry := o.hurry
		if asked {
			hurry = nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		case <-hurry:
			o.hurry, pause = nil, backoff{}
		}
		timer.Stop()
	}
}

func (o *outbox) try(ctx context.Context, e entry) error {
	rec, err := o.spool.read(e)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	return o.to.Notify(ctx, Notification{ID: rec.ID, ContentType: rec.ContentType, Body: rec.Body})
}

// conclude takes a notification off the list; err is why it was refused.
func (o *outbox) conclude(e entry, err error) {
	m := mark{Seq: e.seq}
	if err != nil {
		m.Refused = err.Error()
		o.log.Warn("notification refused", "error", err)
	}
	doneErr := o.spool.done(m)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = o.waiting[1:]
	if err != nil {
		o.refused++
		o.failLocked(err)
	}
	if doneErr != nil {
		o.failLocked(doneErr) // a duplicate may follow, nothing is lost
	}
}

// end waits for the rest until ctx ends, then stops the goroutine and closes
// the spool.
func (o *outbox) end(ctx context.Context) {
	select {
	case <-o.stopped:
	case <-ctx.Done():
	}
	o.cancel()
	<-o.stopped
	if idle, ok := o.to.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
	if o.spool == nil {
		return
	}
	if err := o.spool.close(); err != nil {
		o.fail(fmt.Errorf("close spool: %w", err))
	}
}

func (o *outbox) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failLocked(err)
}

func (o *outbox) failLocked(err error) { o.trouble = err.Error() }
