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
	// maxLegs is how much of the path is remembered.
	maxLegs = 200
	// maxText is how many cells of a foreign text stay on the terminal; the
	// run's folder has the whole of it.
	maxText = 400
	// minHang is how much room a text needs to stand beside its head.
	minHang = 24
)

// picture is what Live shows: a fold of the events, without clock and terminal.
type picture struct {
	job  *job.Job
	logs func(run string) string

	state    event.State
	progress event.StepProgress
	legs     []leg
	left     int // visits that legs no longer has
	totals   []*total
	byStep   map[job.Cursor]*total
}

// leg is a part of the path: one visit of a step, or several in a row that
// ended alike.
type leg struct {
	name    string
	outcome job.Outcome
	visits  int
	took    time.Duration
}

// total is all that is known of one step.
type total struct {
	at      job.Cursor
	outcome job.Outcome
	visits  int
	took    time.Duration
	message string
}

// frame is where lines are shown: the size, and the latest output.
type frame struct {
	size   screen.Size
	output []string
}

// apply takes an event in and gives the permanent lines that tell of it.
func (p *picture) apply(e event.Event, after event.State, f frame) []screen.Line {
	before := p.state
	p.state = after
	switch d := e.Payload.(type) {
	case event.RunStarted:
		return []screen.Line{p.title("run " + e.Run + ", executor " + d.Executor)}
	case event.RunResumed:
		return p.resumed(after)
	case event.StepStarting, event.StepStarted:
		p.progress = event.StepProgress{}
	case event.StepProgress:
		if d.Warning {
			return warning(p.name(d.At) + ": " + d.Message)
		}
		p.progress = d
	case event.StepFinished:
		return p.finished(before.Open, e.Time, d, f)
	case event.StepRemoved:
		if d.Error != "" {
			return warning(fmt.Sprintf("the container of step %d is not removed: %s", d.Attempt, d.Error))
		}
	case event.RunFinished:
		return p.summary(e.Time, d, f.size)
	}
	return nil
}

// resumed takes in what an earlier process did, as far as it is known.
func (p *picture) resumed(s event.State) []screen.Line {
	visits := s.Attempts
	if s.Open != nil {
		visits--
	}
	p.left = visits - len(s.Results)
	for _, r := range s.Results {
		p.visited(r, 0)
	}
	return []screen.Line{p.title(fmt.Sprintf("run %s goes on after %s", s.RunID, steps(visits)))}
}

func (p *picture) title(about string) screen.Line {
	return screen.Line{{Text: p.state.Started.Task, Style: screen.Bold}, {Text: "  " + about, Style: screen.Dim}}
}

func warning(text string) []screen.Line {
	return []screen.Line{screen.Text("! "+oneLine(text), screen.Yellow)}
}

// finished tells how a visit ended. Of one that did not succeed, the latest
// output stays too.
func (p *picture) finished(open *event.OpenStep, at time.Time, d event.StepFinished, f frame) []screen.Line {
	var took time.Duration
	if open != nil {
		took = at.Sub(since(*open))
	}
	nth := p.visited(event.Result{At: d.At, Outcome: d.Outcome, Message: d.Message}, took)
	head := screen.Line{
		mark(d.Outcome),
		{Text: " "},
		{Text: pad(numbered(p.name(d.At), nth), p.nameWidth(f.size)), Style: screen.Bold},
		{Text: fmt.Sprintf(" %6s", short(took)), Style: screen.Dim},
	}
	if d.Outcome == job.Success {
		return append(hang(head, "  ", d.Message, f.size), p.warnings(d)...)
	}
	head = append(head, screen.Span{Text: fmt.Sprintf("  %s, rc %d", d.Outcome, d.RC), Style: styles[d.Outcome]})
	lines := hang(head, ": ", d.Message, f.size)
	for _, text := range f.output {
		lines = append(lines, printed(text))
	}
	return append(lines, p.warnings(d)...)
}

func (p *picture) warnings(d event.StepFinished) (lines []screen.Line) {
	for _, w := range d.Warnings {
		lines = append(lines, warning(p.name(d.At)+": "+w)...)
	}
	return lines
}

// hang puts a foreign text beside a head, or below it where that is too narrow.
func hang(head screen.Line, between, text string, size screen.Size) []screen.Line {
	beside := append(head, screen.Span{Text: between, Style: head[len(head)-1].Style})
	text = oneLine(text)
	indent := beside.Width()
	below := size.Width-indent < minHang
	if below {
		indent = 4
	}
	var lines []screen.Line
	for _, row := range screen.Wrap(text, size.Width-1-indent) {
		lines = append(lines, screen.Line{{Text: strings.Repeat(" ", indent)}, {Text: row}})
	}
	switch {
	case text == "":
		return []screen.Line{head}
	case below:
		return append([]screen.Line{head}, lines...)
	}
	lines[0] = append(beside, lines[0][1])
	return lines
}

// visited adds a visit to the path and to the totals, and says how many its
// step has had.
func (p *picture) visited(r event.Result, took time.Duration) int {
	name := p.name(r.At)
	if n := len(p.legs); n > 0 && p.legs[n-1].name == name && p.legs[n-1].outcome == r.Outcome {
		p.legs[n-1].visits++
		p.legs[n-1].took += took
	} else {
		p.legs = append(p.legs, leg{name: name, outcome: r.Outcome, visits: 1, took: took})
	}
	if len(p.legs) > maxLegs {
		p.left += p.legs[0].visits
		p.legs = p.legs[1:]
	}
	t := p.byStep[r.At]
	if t == nil {
		if p.byStep == nil {
			p.byStep = map[job.Cursor]*total{}
		}
		t = &total{at: r.At}
		p.byStep[r.At], p.totals = t, append(p.totals, t)
	}
	t.visits++
	t.took += took
	t.outcome, t.message = r.Outcome, r.Message
	return t.visits
}

// name is a step's name; steps of another workflow than the first have it too.
func (p *picture) name(at job.Cursor) string {
	if at.Workflow == p.state.Started.Start.Workflow {
		return at.Step
	}
	return at.String()
}

// nameWidth is how wide a column of names is: as the longest of the first
// workflow, within reason.
func (p *picture) nameWidth(size screen.Size) int {
	longest := 0
	if wf, ok := p.job.Workflows[p.state.Started.Start.Workflow]; ok {
		for name := range wf.Steps {
			longest = max(longest, screen.Width(screen.Clean(name)))
		}
	}
	return min(longest+len(" #2"), 24, size.Width/4)
}

// since is when a step's time began: with its container, or without one with
// the decision to visit it.
func since(open event.OpenStep) time.Time {
	if open.StartedAt.IsZero() {
		return open.StartingAt
	}
	return open.StartedAt
}

func numbered(name string, nth int) string {
	if nth > 1 {
		return fmt.Sprintf("%s #%d", name, nth)
	}
	return name
}

// oneLine is a foreign text as it may stay on the terminal.
func oneLine(text string) string {
	return screen.Cut(screen.Clean(text), maxText)
}

func printed(text string) screen.Line {
	return screen.Text("  │ "+oneLine(text), screen.Dim)
}

func pad(text string, cells int) string {
	text = screen.Clean(text)
	return text + strings.Repeat(" ", max(0, cells-screen.Width(text)))
}

var styles = map[job.Outcome]screen.Style{
	job.Success: screen.Green, job.Failure: screen.Red, job.Abort: screen.Yellow, job.Timeout: screen.Yellow,
}

var marks = map[job.Outcome]string{job.Success: "✓", job.Failure: "✗", job.Abort: "■", job.Timeout: "◷"}

func mark(o job.Outcome) screen.Span { return screen.Span{Text: marks[o], Style: styles[o]} }
