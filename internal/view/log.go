package view

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"gitlab.com/f5-pwe/kog/v3/internal/screen"
)

// screenLog is a handler whose records are permanent lines of a screen: the
// message and its attributes, without the time.
type screenLog struct {
	screen *screen.Screen
	attrs  slog.Handler // writes the attributes to buf
	shared *logBuffer
}

type logBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

// NewLog gives a logger whose records are shown on a screen.
func NewLog(s *screen.Screen) *slog.Logger {
	buf := &logBuffer{}
	attrs := slog.NewTextHandler(buf, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		_, level := a.Value.Any().(slog.Level)
		if len(groups) == 0 && (level || a.Key == slog.MessageKey) {
			return slog.Attr{}
		}
		return a
	}})
	return slog.New(&screenLog{screen: s, attrs: attrs, shared: buf})
}

// Enabled leaves out what is for debugging.
func (h *screenLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle shows a record.
func (h *screenLog) Handle(ctx context.Context, r slog.Record) error {
	r.Time = time.Time{} // is not shown then
	h.shared.mu.Lock()
	h.shared.Reset()
	err := h.attrs.Handle(ctx, r)
	attrs := strings.TrimRight(h.shared.String(), "\n")
	h.shared.mu.Unlock()
	line := screen.Line{{Text: r.Message, Style: screen.Dim}}
	if r.Level >= slog.LevelWarn {
		line = screen.Line{{Text: "! " + r.Message, Style: screen.Yellow}}
	}
	if attrs != "" {
		line = append(line, screen.Span{Text: "  " + attrs, Style: screen.Dim})
	}
	h.screen.Update(func(screen.Size) []screen.Line { return []screen.Line{line} })
	return err
}

// WithAttrs gives a handler with more attributes.
func (h *screenLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &screenLog{h.screen, h.attrs.WithAttrs(attrs), h.shared}
}

// WithGroup gives a handler whose further attributes are in a group.
func (h *screenLog) WithGroup(name string) slog.Handler {
	return &screenLog{h.screen, h.attrs.WithGroup(name), h.shared}
}
