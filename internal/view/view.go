// Package view shows a run to people and programs: the same stream of events,
// rendered as log lines, as JSON, or live on a terminal.
package view

import (
	"context"
	"io"

	"gitlab.com/f5-pwe/kog/v3/event"
)

// View renders one run. It is a kog.Sink and a kog.Output.
type View interface {
	Handle(ctx context.Context, e event.Event, after event.State)
	Open(run string, step event.OpenStep) (stdout, stderr io.WriteCloser, err error)
}

// Quiet shows nothing.
type Quiet struct{}

// Handle does nothing.
func (Quiet) Handle(context.Context, event.Event, event.State) {}

// Open gives writers that swallow everything.
func (Quiet) Open(string, event.OpenStep) (stdout, stderr io.WriteCloser, err error) {
	return nowhere{}, nowhere{}, nil
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Close() error                { return nil }
