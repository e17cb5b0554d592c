// Package logs makes kog's own loggers.
package logs

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// New gives a logger for one of the formats "logfmt" and "json". Durations are
// written as text ("1.5s") in both, and nothing that is logged can make a
// terminal do anything.
func New(w io.Writer, format string, level slog.Leveler) (*slog.Logger, error) {
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Value.Kind() {
		case slog.KindDuration:
			a.Value = slog.StringValue(a.Value.Duration().String())
		case slog.KindTime:
			a.Value = slog.StringValue(a.Value.Time().UTC().Format(time.RFC3339Nano))
		}
		return a
	}}
	w = harmless{w}
	switch format {
	case "logfmt":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, fmt.Errorf("unknown log format %q: want logfmt or json", format)
}
