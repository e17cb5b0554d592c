package view

import (
	"context"
	"errors"
	"io"

	"gitlab.com/f5-pwe/kog/v3/event"
)

// Both shows a run in two views, the first one first.
func Both(first, second View) View { return both{first, second} }

type both [2]View

// Handle hands an event to both.
func (b both) Handle(ctx context.Context, e event.Event, after event.State) {
	b[0].Handle(ctx, e, after)
	b[1].Handle(ctx, e, after)
}

// Open gives writers that write to those of both.
func (b both) Open(run string, step event.OpenStep) (stdout, stderr io.WriteCloser, err error) {
	stdout, stderr, err = b[0].Open(run, step)
	if err != nil {
		return nil, nil, err
	}
	out, errs, err := b[1].Open(run, step)
	if err != nil {
		return nil, nil, errors.Join(err, stdout.Close(), stderr.Close())
	}
	return pair{stdout, out}, pair{stderr, errs}, nil
}

// pair is two writers that get the same. What goes wrong with one is not the
// other's trouble.
type pair [2]io.WriteCloser

func (p pair) Write(data []byte) (int, error) {
	_, first := p[0].Write(data)
	_, second := p[1].Write(data)
	if err := errors.Join(first, second); err != nil {
		return 0, err
	}
	return len(data), nil
}

func (p pair) Close() error { return errors.Join(p[0].Close(), p[1].Close()) }
