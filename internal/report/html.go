package report

import (
	_ "embed" // for the page
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// html writes one page that needs nothing else: no script, no file, no net.
type html struct {
	w       io.Writer
	page    *template.Template
	summary Summary
	err     error
}

//go:embed page.html
var pageText string

func newHTML(w io.Writer) form {
	page, err := template.New("page").Parse(pageText)
	return &html{w: w, page: page, err: err}
}

// part writes one template of the page. Each begins and ends in text, where
// the next can follow.
func (h *html) part(name string, data any) error {
	if h.err == nil {
		h.err = h.page.ExecuteTemplate(h.w, name, data)
	}
	return h.err
}

func (h *html) begin(s Summary) error {
	h.summary = s
	return h.part("head", map[string]any{
		"Task": oneLine(s.Task), "Status": string(s.Status), "Message": clean(s.Message), "Facts": summaryFacts(s), "Jumps": jumps(s),
		"Visits": count(s.Total, "visit"), "Took": took(s.Took()),
	})
}

// jump leads to a visit whose result makes the run no success.
type jump struct {
	Attempt     int
	At, Outcome string
}

// maxJumps is how many of them the head of the page has.
const maxJumps = 20

func jumps(s Summary) []jump {
	var out []jump
	for at, outcome := range s.counting {
		out = append(out, jump{s.latest[at], oneLine(at.String()), string(outcome)})
	}
	slices.SortFunc(out, func(a, b jump) int { return a.Attempt - b.Attempt })
	return out[:min(len(out), maxJumps)]
}

// htmlVisit is a visit as the page shows it.
type htmlVisit struct {
	Attempt        int
	Workflow, Step string
	Outcome        string
	Took, Limit    string
	Message        string
	Open           bool
	// Superseded is the attempt whose result counts instead, or 0.
	Superseded int
	// From and Wide are the visit's place in the time of the run, in percent.
	From, Wide  string
	Facts       []fact
	Changes     []htmlChange
	MoreChanges string
	Streams     []htmlStream
}

type htmlChange struct{ Sign, Class, Path, Value string }

type htmlStream struct {
	Name, Text, Trouble string
}

func (h *html) visit(v Visit) error {
	from, wide := h.bar(v)
	out := htmlVisit{
		Attempt: v.Attempt, Workflow: oneLine(v.At.Workflow), Step: oneLine(v.At.Step),
		Outcome: string(v.Outcome), Took: took(v.Took()),
		Message: clean(v.Message), Open: v.Counts(), From: from, Wide: wide,
		Facts: visitFacts(v), Changes: htmlChanges(v.Changes), Streams: htmlStreams(v),
	}
	if v.Limit > 0 {
		out.Limit = job.FormatDuration(v.Limit)
	}
	if !v.Latest {
		out.Superseded = v.NextAttempt
	}
	if v.Changes.LeftOut > 0 {
		out.MoreChanges = count(v.Changes.LeftOut, "more change")
	}
	return h.part("visit", out)
}

// bar is the place of a visit in the time of the run, in percent.
func (h *html) bar(v Visit) (from, wide string) {
	whole := h.summary.Took()
	percent := func(d time.Duration) float64 {
		if whole <= 0 {
			return 0
		}
		return min(100, max(0, 100*float64(d)/float64(whole)))
	}
	start := percent(v.Starting.Sub(h.summary.Began))
	width := min(100-start, percent(v.Ended.Sub(v.Starting)))
	return fmt.Sprintf("%.2f", start), fmt.Sprintf("%.2f", width)
}

func htmlChanges(c Changes) []htmlChange {
	var out []htmlChange
	for _, ch := range c.List {
		path := oneLine(ch.Path)
		if ch.Old != "" {
			out = append(out, htmlChange{"−", "gone", path, oneLine(ch.Old)})
		}
		if ch.New != "" {
			out = append(out, htmlChange{"+", "new", path, oneLine(ch.New)})
		}
	}
	return out
}

func htmlStreams(v Visit) []htmlStream {
	var out []htmlStream
	for _, s := range []struct {
		name string
		log  Log
	}{{"stdout", v.Stdout}, {"stderr", v.Stderr}} {
		text := strings.TrimSuffix(s.log.Text, "\n")
		if text != "" || s.log.Trouble != "" {
			out = append(out, htmlStream{s.name, text, clean(s.log.Trouble)})
		}
	}
	return out
}

func (h *html) gap(n int) error { return h.part("gap", count(n, "visit")) }

func (h *html) end() error { return h.part("foot", nil) }
