// Package notify tells others what happens in a run: lines of JSON for people
// at a console, HTTP requests for services.
//
//	web, err := notify.NewHTTP("https://example.com/hook", notify.HTTPOptions{})
//	...
//	r := &kog.Runner{Notifiers: notify.New(notify.Options{}, web)}
//
// Every notifier has a spool in the run's folder and one goroutine that takes
// from it, so that notifiers do not hinder each other and the run waits for
// none of them. What a spool holds follows from the run's journal: whatever a
// crash took from it is put back when the run goes on.
package notify

import (
	"cmp"
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// DefaultTimeout is how long the end of a run waits for what is not delivered.
const DefaultTimeout = 30 * time.Second

// Notifier delivers notifications to one receiver. One goroutine per run calls
// Notify; a Notifier that serves several runs must bear calls at once.
type Notifier interface {
	// Name is what messages call the receiver. It holds no credentials.
	Name() string
	// Key names the receiver's spool: up to 40 letters, digits and dashes. The
	// same receiver has the same key in every process.
	Key() string
	// Notify delivers one notification, or gives up when ctx ends. Errors: a
	// *RefusedError is final, a *BusyError says when to try again, and any
	// other is tried again with back-off. Error texts hold no credentials.
	Notify(ctx context.Context, n Notification) error
}

// Notification is one thing to tell. It is the same, byte for byte, each time
// it is tried.
type Notification struct {
	// ID is unique to the event: the run's ID, a dash, the event's sequence
	// number. A receiver that gets an ID twice has a duplicate.
	ID string
	// ContentType and Body are as Options.Format says. Body is one line of JSON
	// without its end.
	ContentType string
	Body        []byte
}

// RefusedError says that a receiver will never take a notification.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// BusyError says that a receiver wants to be left alone for a while.
type BusyError struct {
	Reason string
	// After is how long; more than MaxRetryAfter counts as MaxRetryAfter.
	After time.Duration
}

func (e *BusyError) Error() string { return e.Reason }

// Options say what is told. The zero value of every field is usable.
type Options struct {
	// On are the kinds of notifications. Default: StepStart.
	On []Kind
	// Format is the form of the body. Default: FormatJob.
	Format Format
	// Timeout is how long the end of a run waits for what is not delivered.
	// Default: DefaultTimeout; negative does not wait.
	Timeout time.Duration
	// Logger hears of trouble. Default: nothing.
	Logger *slog.Logger
}

// Set is a number of notifiers that hear the same. It is a kog.Notifiers, and
// may serve several runs at once, as long as their IDs differ.
type Set struct {
	opts      Options
	notifiers []Notifier

	mu   sync.Mutex
	runs map[string]*run
}

// run is what a Set knows of a run between its Begin and its End.
type run struct {
	id      string
	job     *job.Job
	boxes   []*outbox
	orphans []string
}

// New gives a Set. Its notifiers are told apart by their order and keys.
func New(opts Options, notifiers ...Notifier) *Set {
	if len(opts.On) == 0 {
		opts.On = []Kind{StepStart}
	}
	opts.Format = cmp.Or(opts.Format, FormatJob)
	opts.Timeout = max(0, cmp.Or(opts.Timeout, DefaultTimeout))
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Set{opts: opts, notifiers: notifiers, runs: map[string]*run{}}
}

// Begin opens the spools of a run below a folder, which is made when it is
// needed, and begins to deliver what they hold. Trouble is told by End.
func (s *Set) Begin(id, dir string, j *job.Job) {
	r := &run{id: id, job: withoutSecrets(j)}
	var folders []string
	for i, n := range s.notifiers {
		box := newOutbox(i, n, s.opts.Logger.With("run", id))
		folders = append(folders, box.folder)
		box.start(filepath.Join(dir, box.folder))
		r.boxes = append(r.boxes, box)
	}
	r.orphans = orphans(dir, folders)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs[id] = r
}

// Handle puts an event that is to be told into the spools. Events of the past
// may come again: each is told once.
func (s *Set) Handle(_ context.Context, e event.Event, after event.State) {
	kind, ok := kindOf(e.Payload)
	r := s.run(e.Run)
	if !ok || r == nil || !slices.Contains(s.opts.On, kind) || !slices.ContainsFunc(r.boxes, func(b *outbox) bool { return b.wants(e.Seq) }) {
		return
	}
	rec, err := s.opts.Format.record(subject{kind: kind, job: r.job, event: e, state: after})
	for _, b := range r.boxes {
		b.add(rec, err)
	}
}

// End waits until everything is delivered, but no longer than Options.Timeout
// and ctx, and releases what Begin opened. What is left stays in the spools.
// status is "ok" when every notification of the run was delivered, else
// "failed"; message says what is missing, and the last trouble.
func (s *Set) End(ctx context.Context, id string) (status, message string) {
	r := s.run(id)
	if r == nil {
		return "", ""
	}
	s.mu.Lock()
	delete(s.runs, id)
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	for _, b := range r.boxes {
		close(b.closing)
	}
	for _, b := range r.boxes {
		b.end(ctx)
	}
	return r.report()
}

func (s *Set) run(id string) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs[id]
}
