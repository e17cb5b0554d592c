package fake

import (
	"context"
	"errors"
	"io"
	"time"
)

// Op names a call on an executor or a process.
type Op string

// The calls.
const (
	OpProbe   Op = "probe"
	OpResolve Op = "resolve"
	OpStart   Op = "start"
	OpAttach  Op = "attach"
	OpSweep   Op = "sweep"
	OpFollow  Op = "follow"
	OpWait    Op = "wait"
	OpStop    Op = "stop"
	OpRemove  Op = "remove"
)

// Fault makes calls go wrong. It delays, then hangs or fails; the zero value
// of each of these leaves it out.
type Fault struct {
	// Op is the call; empty means every call.
	Op Op
	// Subject is the container's ID, or the image for OpResolve; empty means any.
	Subject string
	// Labels are those that the container must have. OpSweep is given the
	// labels that it looks for. Calls without labels match no fault that has any.
	Labels map[string]string
	// Skip lets that many matching calls pass first. Times is how many calls
	// go wrong after that; 0 means all.
	Skip, Times int

	Delay time.Duration
	// Hang keeps the call until its ctx ends.
	Hang bool
	Err  error
	// After lets the call do its work before it goes wrong: the answer is lost,
	// not the question.
	After bool
	// CutAfter, for OpFollow, lets that many bytes of output pass before the
	// call goes wrong.
	CutAfter int64
}

// Inject adds a fault. Of several that match a call the oldest counts. The
// function that it returns takes the fault away again; calls that hang in it
// go on hanging.
func (h *Host) Inject(f Fault) (remove func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fault := &f
	h.faults = append(h.faults, fault)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.dropFault(fault)
	}
}

func (h *Host) dropFault(f *Fault) {
	for i, other := range h.faults {
		if other == f {
			h.faults = append(h.faults[:i:i], h.faults[i+1:]...)
			return
		}
	}
}

// call is one call on an executor, about to be made. A nil fault does nothing.
type call struct{ fault *Fault }

// begin finds out how a call is going to go.
func (h *Host) begin(op Op, subject string, labels map[string]string) call {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.faults {
		if f.Op != "" && f.Op != op || f.Subject != "" && f.Subject != subject || !covers(labels, f.Labels) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		hit := *f
		if f.Times == 1 {
			h.dropFault(f)
		}
		f.Times--
		return call{&hit}
	}
	return call{}
}

// before is what happens instead of the call's work, if anything.
func (c call) before(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if c.fault == nil || c.fault.After || c.fault.CutAfter > 0 {
		return nil
	}
	return c.fault.strike(ctx)
}

// after is what happens to the answer.
func (c call) after(ctx context.Context) error {
	if c.fault == nil || !c.fault.After {
		return nil
	}
	return c.fault.strike(ctx)
}

func (f *Fault) strike(ctx context.Context) error {
	if err := sleep(ctx, f.Delay); err != nil {
		return err
	}
	if f.Hang {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return f.Err
}

// errCut is what a writer of a cut Follow returns.
var errCut = errors.New("cut by a fault")

// cut shortens what a follower gets to CutAfter bytes.
func (c call) cut(stdout, stderr io.Writer) (io.Writer, io.Writer) {
	if c.fault == nil || c.fault.CutAfter <= 0 {
		return stdout, stderr
	}
	left := c.fault.CutAfter
	return cutWriter{stdout, &left}, cutWriter{stderr, &left}
}

type cutWriter struct {
	w    io.Writer
	left *int64 // of both streams together
}

func (c cutWriter) Write(p []byte) (int, error) {
	if int64(len(p)) <= *c.left {
		*c.left -= int64(len(p))
		return c.w.Write(p)
	}
	n, err := c.w.Write(p[:*c.left])
	*c.left = 0
	if err == nil {
		err = errCut
	}
	return n, err
}
