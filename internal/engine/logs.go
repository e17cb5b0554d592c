package engine

import (
	"fmt"
	"io"

	"gitlab.com/f5-pwe/kog/v3/event"
)

// logs are the writers for one attempt's output. What goes wrong with them is
// remembered and never stops the container's output from being read.
type logs struct {
	stdout, stderr *tolerant
}

func openLogs(o Output, run string, open event.OpenStep) logs {
	l := logs{stdout: &tolerant{name: "stdout"}, stderr: &tolerant{name: "stderr"}}
	if o == nil {
		return l
	}
	stdout, stderr, err := o.Open(run, open)
	if err != nil {
		l.stdout.err = err
		return l
	}
	l.stdout.w, l.stderr.w = stdout, stderr
	return l
}

// close closes the writers and says what went wrong with them.
func (l logs) close() []string {
	var warnings []string
	for _, t := range []*tolerant{l.stdout, l.stderr} {
		if t.w != nil {
			if err := t.w.Close(); err != nil && t.err == nil {
				t.err = err
			}
		}
		if t.err != nil {
			warnings = append(warnings, fmt.Sprintf("the log of %s is not complete: %v", t.name, t.err))
		}
	}
	return warnings
}

// tolerant swallows what its writer refuses.
type tolerant struct {
	name string
	w    io.WriteCloser
	err  error
}

func (t *tolerant) Write(p []byte) (int, error) {
	if t.w != nil && t.err == nil {
		_, t.err = t.w.Write(p)
	}
	return len(p), nil
}
