package view

import (
	"fmt"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/internal/screen"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// maxRows is how many rows the table of steps has at most.
const maxRows = 50

// summary is the end of a run: a row for each step, and the status.
func (p *picture) summary(at time.Time, d event.RunFinished, size screen.Size) []screen.Line {
	names := len("step")
	for _, t := range p.totals {
		names = max(names, screen.Width(screen.Clean(p.name(t.at))))
	}
	names = min(names, 32, max(len("step"), size.Width/3))
	lines := []screen.Line{nil, row(screen.Text("  "+pad("step", names)+"  outcome    time  visits  message", screen.Dim), size)}
	rows, hidden := important(p.totals)
	for _, t := range rows {
		name := screen.Cut(screen.Clean(p.name(t.at)), names)
		lines = append(lines, row(screen.Line{
			mark(t.outcome),
			{Text: " " + pad(name, names), Style: screen.Bold},
			{Text: "  " + pad(string(t.outcome), len("outcome")), Style: styles[t.outcome]},
			{Text: fmt.Sprintf("  %6s  %6d  ", short(t.took), t.visits), Style: screen.Dim},
			{Text: oneLine(t.message)},
		}, size))
	}
	if hidden > 0 {
		lines = append(lines, screen.Text(fmt.Sprintf("  … %d more steps", hidden), screen.Dim))
	}
	status := screen.Span{Text: string(d.Status), Style: styles[d.Status]}
	lines = append(append(lines, nil), hang(screen.Line{mark(d.Status), {Text: " "}, status}, ": ", d.Message, size)...)
	about := fmt.Sprintf("  %s in %s, run %s", steps(d.Steps), short(at.Sub(p.state.StartedAt)), p.state.RunID)
	return append(lines, screen.Text(about, screen.Dim), screen.Text("  output in "+p.logs(p.state.RunID), screen.Dim), nil)
}

// row keeps a line of the table on one row of the terminal.
func row(l screen.Line, size screen.Size) screen.Line { return l.Cut(size.Width - 1) }

// important picks the rows of a long table: the steps that did not succeed,
// then the latest others, in their order.
func important(all []*total) (rows []*total, hidden int) {
	if len(all) <= maxRows {
		return all, 0
	}
	keep := make(map[*total]bool, maxRows)
	for _, wanted := range []func(*total) bool{
		func(t *total) bool { return t.outcome != job.Success },
		func(*total) bool { return true },
	} {
		for i := len(all) - 1; i >= 0 && len(keep) < maxRows; i-- {
			if wanted(all[i]) {
				keep[all[i]] = true
			}
		}
	}
	for _, t := range all {
		if keep[t] {
			rows = append(rows, t)
		}
	}
	return rows, len(all) - len(rows)
}

// unfinished tells of a step that is open when kog ends.
func (p *picture) unfinished(now time.Time) []screen.Line {
	open := p.state.Open
	if p.state.Phase != event.PhaseRunning || open == nil {
		return nil
	}
	return []screen.Line{{
		{Text: "● ", Style: screen.Cyan},
		{Text: p.name(open.At), Style: screen.Bold},
		{Text: fmt.Sprintf(" %6s  ", short(now.Sub(since(*open)))), Style: screen.Dim},
		{Text: "left as it is"},
	}}
}
