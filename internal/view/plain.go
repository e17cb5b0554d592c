package view

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"time"

	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/event"
)

// Plain shows a run as log records.
type Plain struct{ log *slog.Logger }

// NewPlain shows a run through a logger, which makes control characters
// harmless as slog's own handlers do.
func NewPlain(log *slog.Logger) *Plain { return &Plain{log: log} }

// Handle logs one event.
func (v *Plain) Handle(ctx context.Context, e event.Event, after event.State) {
	level, msg, attrs := record(e, after)
	if msg != "" {
		v.log.LogAttrs(ctx, level, msg, append(attrs, slog.String("run", e.Run))...)
	}
	if fin, ok := e.Payload.(event.StepFinished); ok {
		for _, w := range fin.Warnings {
			v.log.LogAttrs(ctx, slog.LevelWarn, w, slog.String("step", fin.At.String()), slog.Int("attempt", fin.Attempt), slog.String("run", e.Run))
		}
	}
}

// record turns an event into a log record; an empty message means none.
func record(e event.Event, after event.State) (slog.Level, string, []slog.Attr) {
	switch p := e.Payload.(type) {
	case event.RunStarted:
		return slog.LevelInfo, "run started", []slog.Attr{
			slog.String("task", p.Task), slog.String("start", p.Start.String()),
			slog.String("executor", p.Executor), slog.String("correlation_id", p.CorrelationID),
		}
	case event.RunResumed:
		return slog.LevelInfo, "run resumed", []slog.Attr{slog.String("task", after.Started.Task), slog.Int("attempts", after.Attempts)}
	case event.StepStarting:
		return slog.LevelInfo, "step starting", step(p.At.String(), p.Attempt, slog.String("action", p.Action), slog.String("image", p.Image))
	case event.StepStarted:
		return slog.LevelDebug, "container started", []slog.Attr{slog.Int("attempt", p.Attempt), slog.String("image", p.Pinned)}
	case event.StepStopping:
		return slog.LevelWarn, "step stopping", []slog.Attr{slog.Int("attempt", p.Attempt), slog.String("outcome", string(p.Outcome)), slog.String("reason", p.Reason)}
	case event.StepFinished:
		attrs := step(p.At.String(), p.Attempt, slog.String("outcome", string(p.Outcome)), slog.Int("rc", p.RC), slog.String("message", p.Message))
		if p.Outcome != "success" {
			return slog.LevelWarn, "step finished", attrs
		}
		return slog.LevelInfo, "step finished", attrs
	case event.StepRemoved:
		if p.Error == "" {
			return slog.LevelDebug, "container removed", []slog.Attr{slog.Int("attempt", p.Attempt)}
		}
		return slog.LevelWarn, "container not removed", []slog.Attr{slog.Int("attempt", p.Attempt), slog.String("error", p.Error)}
	case event.StepProgress:
		level := slog.LevelInfo
		if p.Warning {
			level = slog.LevelWarn
		}
		return level, p.Message, step(p.At.String(), p.Attempt)
	case event.RunFinished:
		return slog.LevelInfo, "run finished", []slog.Attr{
			slog.String("status", string(p.Status)), slog.String("message", p.Message), slog.Int("steps", p.Steps),
			slog.Duration("took", e.Time.Sub(after.StartedAt).Round(time.Millisecond)),
		}
	}
	return slog.LevelInfo, "", nil
}

func step(at string, attempt int, more ...slog.Attr) []slog.Attr {
	return append([]slog.Attr{slog.String("step", at), slog.Int("attempt", attempt)}, more...)
}

// Open gives writers that log the output line by line, but not result lines:
// these come as the end of the step.
func (v *Plain) Open(run string, open event.OpenStep) (stdout, stderr io.WriteCloser, err error) {
	stream := func(name string) io.WriteCloser {
		log := v.log.With("stream", name, "step", open.At.String(), "attempt", open.Attempt, "run", run)
		return &lineWriter{emit: func(line string) {
			if name == "stdout" && strings.HasPrefix(strings.TrimLeft(line, " \t\r"), action.Prefix) {
				return
			}
			log.Info(line)
		}}
	}
	return stream("stdout"), stream("stderr"), nil
}
