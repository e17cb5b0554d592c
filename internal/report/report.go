// Package report writes what became of a run as a document: JUnit XML for
// test reports, Markdown for the summary of a CI job, HTML to look at.
//
// A report is made from the run's journal and log files, so a run that several
// processes carried on is reported whole. The journal is read twice: once to
// sum up, once to write the visits of steps one by one. Memory depends on the
// size of one visit, not on how many there are.
package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"gitlab.com/f5-pwe/kog/v3/event"
)

// Source is where the events and the output of a run are kept.
type Source interface {
	// Events hands the events to each, in order and from the first. It is
	// called more than once. An error of each ends it.
	Events(each func(event.Event) error) error
	// OpenLog opens the stream "stdout" or "stderr" of an attempt of a step. An
	// attempt without output may have none: fs.ErrNotExist.
	OpenLog(attempt int, step, stream string) (io.ReadCloser, error)
}

// errNoRun means that a journal holds no event.
var errNoRun = errors.New("the run never began")

// form writes one kind of report. Its methods are called in this order: begin,
// then visit and gap as often as needed, end.
type form interface {
	begin(s Summary) error
	visit(v Visit) error
	// gap stands for n visits that are left out.
	gap(n int) error
	end() error
}

// kind is a kind of report: its name in flags, its size, its form.
type kind struct {
	name   string
	limits limits
	form   func(w io.Writer) form
}

// kinds are those that there are. The sizes follow from who reads them: a CI
// server takes a summary of up to 1 MiB, a browser is slow past some thousand
// steps, and a JUnit report has to have all.
func kinds() []kind {
	return []kind{
		{"junit", limits{logs: 16 << 20, changes: 4 << 20}, newJUnit},
		{"markdown", limits{first: 20, last: 60, troubles: 40, logs: 144 << 10, changes: 32 << 10}, newMarkdown},
		{"html", limits{first: 200, last: 1300, troubles: 500, logs: 8 << 20, changes: 2 << 20}, newHTML},
	}
}

func findKind(name string) (kind, error) {
	for _, k := range kinds() {
		if k.name == name {
			return k, nil
		}
	}
	return kind{}, fmt.Errorf("unknown kind of report %q: want junit, markdown or html", name)
}

// Write writes a report of one kind ("junit", "markdown", "html") of the run as
// far as it came. A run that has not ended is reported as such.
func Write(w io.Writer, kindName string, src Source) error {
	k, err := findKind(kindName)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(w, 64<<10)
	if err := write(k, buffered, src); err != nil {
		return fmt.Errorf("report %s: %w", kindName, err)
	}
	return buffered.Flush()
}

func write(k kind, w io.Writer, src Source) error {
	summary, err := sumUp(src)
	if err != nil {
		return err
	}
	f := k.form(w)
	if err := f.begin(summary); err != nil {
		return err
	}
	c := &collector{src: src, form: f, limits: k.limits, summary: summary}
	if err := c.visits(); err != nil {
		return err
	}
	return f.end()
}
