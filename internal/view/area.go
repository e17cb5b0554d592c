package view

import (
	"fmt"
	"strings"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/internal/screen"
	"gitlab.com/f5-pwe/kog/v3/job"
)

const (
	// lowScreen and flatScreen are the heights below which parts of the area are left out.
	lowScreen  = 12
	flatScreen = 6
	// fewRows are enough for the area of a screen that is not low.
	fewRows = 8
	// narrow is the width below which words that only explain are left out.
	narrow = 30
	// maxExits is how many rows the exits take at most.
	maxExits = 4
	// barCells is the length of the bar beside the time.
	barCells = 12
)

// area is what is drawn anew: how far the run is, the path, the open step with
// its latest output, and where it may lead.
func (p *picture) area(now time.Time, size screen.Size, output []string) []screen.Line {
	if p.state.Phase != event.PhaseRunning {
		return nil
	}
	var top, exits []screen.Line
	if size.Height >= lowScreen {
		top = append(top, nil, p.header(now))
		if len(p.legs) > 0 {
			top = append(top, p.path(size.Width-1))
		}
	}
	if open := p.state.Open; open != nil {
		top = append(top, p.current(now, *open, size.Width)...)
		if size.Height >= flatScreen {
			exits = flow("next", p.exits(*open), size.Width-1)
		}
	} else {
		output = nil
	}
	exits = exits[:min(len(exits), maxExits)]
	most := mostRows(size.Height)
	room := max(0, most-len(top)-len(exits))
	for _, text := range output[max(0, len(output)-room):] {
		top = append(top, printed(text))
	}
	all := append(top, exits...)
	return all[:min(len(all), most)]
}

// mostRows is how many rows the area may have: half of the terminal, where
// that is enough. What a terminal that becomes smaller folds or scrolls away
// cannot be drawn anew.
func mostRows(height int) int {
	if height < lowScreen {
		return max(0, height-1)
	}
	return max(fewRows, (height-1)/2)
}

func (p *picture) header(now time.Time) screen.Line {
	return screen.Line{
		{Text: p.state.Started.Task, Style: screen.Bold},
		{Text: fmt.Sprintf("  step %d, %s", p.state.Attempts, clock(now.Sub(p.state.StartedAt)))},
		{Text: "  run " + p.state.RunID, Style: screen.Dim},
	}
}

// path is the way to the open step, its beginning folded when it is too long.
func (p *picture) path(cells int) screen.Line {
	const arrow = " → "
	var tail screen.Line
	for i := len(p.legs) - 1; i >= 0; i-- {
		leg := p.legs[i].line()
		if len(tail) > 0 {
			leg = append(leg, screen.Span{Text: arrow, Style: screen.Dim})
		}
		fold := p.fold(i)
		if len(tail) > 0 && fold.Width()+leg.Width()+tail.Width() > cells {
			return append(p.fold(i+1), tail...)
		}
		tail = append(leg, tail...)
	}
	return append(p.fold(0), tail...)
}

// fold stands for the visits before a leg.
func (p *picture) fold(leg int) screen.Line {
	n := p.left
	for _, l := range p.legs[:leg] {
		n += l.visits
	}
	if n == 0 {
		return nil
	}
	return screen.Line{{Text: fmt.Sprintf("… %d → ", n), Style: screen.Dim}}
}

func (l leg) line() screen.Line {
	line := screen.Line{mark(l.outcome), {Text: " " + l.name}}
	if l.visits > 1 {
		line = append(line, screen.Span{Text: fmt.Sprintf(" ×%d", l.visits)})
	}
	if l.took > 0 { // unknown for what another process did
		line = append(line, screen.Span{Text: " " + short(l.took), Style: screen.Dim})
	}
	return line
}

// current is the open step: its time against its limit, and what it waits for.
func (p *picture) current(now time.Time, open event.OpenStep, width int) []screen.Line {
	nth := 1
	if t := p.byStep[open.At]; t != nil {
		nth += t.visits
	}
	line := screen.Line{
		{Text: "● ", Style: screen.Cyan}, {Text: numbered(p.name(open.At), nth), Style: screen.Bold}, {Text: "  "},
	}
	elapsed := now.Sub(since(open))
	switch {
	case open.StartedAt.IsZero():
		line = append(line, screen.Span{Text: "starting, " + clock(elapsed)})
	case open.Duration > 0:
		line = append(line, screen.Span{Text: clock(elapsed) + " of " + limit(open.Duration)})
		if width >= 3*barCells {
			line = append(line, bar(elapsed, open.Duration)...)
		}
	default:
		line = append(line, screen.Span{Text: clock(elapsed)})
	}
	lines := []screen.Line{append(line, screen.Span{Text: "  " + open.Action, Style: screen.Dim})}
	if wait := p.waiting(now, open); wait != "" {
		lines = append(lines, screen.Text("  "+wait, screen.Yellow))
	}
	return lines
}

// waiting says what the open step waits for, or "".
func (p *picture) waiting(now time.Time, open event.OpenStep) string {
	if stop := open.Stopping; stop != nil {
		left := p.state.Started.Options.Grace - now.Sub(open.StoppingAt)
		if left < 0 {
			return fmt.Sprintf("stopping, outcome %s: %s", stop.Outcome, stop.Reason)
		}
		return fmt.Sprintf("stopping, outcome %s, killed in %s: %s", stop.Outcome, clock(left+time.Second-1), stop.Reason)
	}
	d := p.progress
	if !open.StartedAt.IsZero() || d.Message == "" {
		return ""
	}
	switch {
	case d.Total > 0:
		return fmt.Sprintf("%s  %s of %s MB, %d%%", d.Message, megabytes(d.Done), megabytes(d.Total), 100*d.Done/d.Total)
	case d.Done > 0:
		return fmt.Sprintf("%s  %s MB", d.Message, megabytes(d.Done))
	}
	return d.Message
}

// exits are where the outcomes of the open step lead, those with the same
// target together. Once it is decided how the step ends, there is one.
func (p *picture) exits(open event.OpenStep) []screen.Line {
	var targets []string
	words := map[string][]string{}
	for _, o := range job.Outcomes() {
		if s := open.Stopping; s != nil && !s.KeepResult && s.Outcome != o {
			continue
		}
		target := p.target(open.At, o)
		if words[target] == nil {
			targets = append(targets, target)
		}
		words[target] = append(words[target], string(o))
	}
	items := make([]screen.Line, len(targets))
	for i, target := range targets {
		items[i] = screen.Line{{Text: strings.Join(words[target], ", ") + " → ", Style: screen.Dim}, {Text: target}}
	}
	return items
}

func (p *picture) target(at job.Cursor, o job.Outcome) string {
	next, ok, err := p.job.Next(at, o)
	if err == nil && !ok && p.state.Remediate && (o == job.Success || !p.job.StopOnFailure) {
		next, ok = p.job.Remediation(at)
	}
	if err != nil || !ok {
		return "end"
	}
	return p.name(next)
}

// flow puts items into rows, with a word before the first.
func flow(word string, items []screen.Line, cells int) []screen.Line {
	const between = "   "
	head := "  " + word + " "
	if cells < narrow {
		head = "  "
	}
	indent := strings.Repeat(" ", len(head))
	var rows []screen.Line
	row := screen.Line{{Text: head, Style: screen.Dim}}
	first := true
	for _, item := range items {
		switch {
		case first:
		case row.Width()+len(between)+item.Width() <= cells:
			row = append(row, screen.Span{Text: between})
		default:
			rows, row = append(rows, row), screen.Line{{Text: indent}}
		}
		row, first = append(row, item...), false
	}
	return append(rows, row)
}

// bar shows how much of a limit is used.
func bar(elapsed, limit time.Duration) screen.Line {
	full := int(min(max(0, barCells*elapsed/limit), barCells))
	style := screen.Cyan
	if elapsed > limit*3/4 {
		style = screen.Yellow
	}
	return screen.Line{
		{Text: "  "},
		{Text: strings.Repeat("━", full), Style: style},
		{Text: strings.Repeat("─", barCells-full), Style: screen.Dim},
	}
}
