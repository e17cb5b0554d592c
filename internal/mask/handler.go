package mask

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
)

// Handler masks log records, their messages and the values of their
// attributes, in front of next.
func (m *Masker) Handler(next slog.Handler) slog.Handler { return &handler{m: m, next: next} }

// Logger puts Handler in front of a logger.
func (m *Masker) Logger(next *slog.Logger) *slog.Logger {
	return slog.New(m.Handler(next.Handler()))
}

type handler struct {
	m    *Masker
	next slog.Handler
}

func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	masked := slog.NewRecord(r.Time, r.Level, h.m.String(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		masked.AddAttrs(h.m.attr(a))
		return true
	})
	return h.next.Handle(ctx, masked)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{m: h.m, next: h.next.WithAttrs(each(attrs, h.m.attr))}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{m: h.m, next: h.next.WithGroup(name)}
}

// attr leaves a value alone that has no secret, whatever its type.
func (m *Masker) attr(a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	switch a.Value.Kind() {
	case slog.KindGroup:
		a.Value = slog.GroupValue(each(a.Value.Group(), m.attr)...)
	case slog.KindTime, slog.KindDuration, slog.KindBool:
	default:
		for _, text := range texts(a.Value) {
			if masked := m.String(text); masked != text {
				a.Value = slog.StringValue(masked)
				break
			}
		}
	}
	return a
}

// texts are what handlers make of a value: text, or JSON.
func texts(v slog.Value) []string {
	all := []string{v.String()}
	if _, isError := v.Any().(error); v.Kind() == slog.KindAny && !isError {
		all = append(all, fmt.Sprintf("%+v", v.Any()))
		if data, err := json.Marshal(v.Any()); err == nil {
			all = append(all, string(data))
		}
	}
	return all
}

// Error masks the text of an error. What errors.Is and errors.As find in it
// stays. nil gives nil.
func (m *Masker) Error(err error) error {
	if err == nil {
		return nil
	}
	if text := m.String(err.Error()); text != err.Error() {
		return &maskedError{text: text, err: err}
	}
	return err
}

// maskedError has no Unwrap, since that would give the text away.
type maskedError struct {
	text string
	err  error
}

func (e *maskedError) Error() string        { return e.text }
func (e *maskedError) Is(target error) bool { return errors.Is(e.err, target) }
func (e *maskedError) As(target any) bool   { return errors.As(e.err, target) }
