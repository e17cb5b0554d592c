package notify

import (
	"context"
	"fmt"
	"io"
	"slices"
)

// Console writes each notification as a line of JSON.
type Console struct{ w io.Writer }

// NewConsole writes to a writer, with one call of Write for each notification.
func NewConsole(w io.Writer) *Console { return &Console{w: w} }

// Name is "console".
func (c *Console) Name() string { return "console" }

// Key is "console".
func (c *Console) Key() string { return "console" }

// Notify writes one line. It does not give up when ctx ends.
func (c *Console) Notify(_ context.Context, n Notification) error {
	if _, err := c.w.Write(append(slices.Clip(n.Body), '\n')); err != nil {
		return fmt.Errorf("write notification: %w", err)
	}
	return nil
}
