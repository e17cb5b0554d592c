package cli

import (
	"fmt"
	"log/slog"
	"path/filepath"

	"gitlab.com/f5-pwe/kog/v3/internal/logs"
	"gitlab.com/f5-pwe/kog/v3/internal/screen"
	"gitlab.com/f5-pwe/kog/v3/internal/view"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// outputs are the values of --output.
var outputs = []string{"auto", "live", "plain", "json", "quiet"}

// display is the terminal of a live view, and the view on it; both are nil for
// any other output.
type display struct {
	screen *screen.Screen
	live   *view.Live
	// trouble is why there is no live view although one was asked for.
	trouble error
}

// openDisplay makes live or plain of auto. On a live display, everything that
// goes to standard error goes through the screen.
func (o *runOptions) openDisplay() {
	o.display = &display{}
	automatic := o.output == "auto"
	if !automatic && o.output != "live" {
		return
	}
	o.output = "plain"
	if automatic && inCI(o.io) {
		return
	}
	s, err := screen.Open(o.io.Err, o.io.Lookup)
	if err != nil {
		if !automatic {
			o.display.trouble = fmt.Errorf("standard error: %w", err)
		}
		return
	}
	o.output, o.display.screen = "live", s
	through := *o.io
	through.Err = s
	o.io = &through
}

// inCI reports whether this is the job of a CI system, whose logs are read later.
func inCI(s *IO) bool {
	v, _ := s.Lookup("CI")
	return v != "" && v != "false" && v != "0"
}

// logger is the one to use: on a live display that of the screen. It says so
// when plain output takes the place of a live view.
func (d *display) logger(log *slog.Logger) *slog.Logger {
	if d.screen != nil {
		return view.NewLog(d.screen)
	}
	if d.trouble != nil {
		log.Warn("no live view, the output is plain", "reason", d.trouble)
	}
	return log
}

// close ends what is live; it may be called again.
func (d *display) close() {
	if d.live != nil {
		d.live.Close()
		d.live = nil
	}
	if d.screen != nil {
		d.screen.Close()
		d.screen = nil
	}
}

// view is how the run is shown.
func (o *runOptions) view(log *slog.Logger, j *job.Job) view.View {
	switch o.output {
	case "live":
		o.display.live = view.NewLive(o.display.screen, j, func(run string) string {
			return filepath.Join(o.stateDir, "runs", run, "logs")
		})
		return o.display.live
	case "json":
		return view.NewJSON(logs.Escape(o.io.Out))
	case "quiet":
		return view.Quiet{}
	}
	return view.NewPlain(log)
}
