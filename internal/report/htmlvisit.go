package report

import (
	"strings"

	"gitlab.com/f5-pwe/kog/v3/job"
)

func (p *page) visit(v Visit) error {
	p.w.printf("<details id=\"attempt-%d\" class=\"%s\"", v.Attempt, v.Outcome)
	if v.Counts() {
		p.w.static(" open")
	}
	p.w.static(">\n")
	p.line(v)
	p.w.static("<div class=\"inside\">\n")
	if !v.Latest && v.NextAttempt != 0 {
		p.w.printf("<p class=\"soft\">Visited again: the result of attempt %d counts.</p>\n", v.NextAttempt)
	}
	p.facts(visitFacts(v))
	p.changes(v.Changes)
	p.stream("stdout", v.Stdout)
	p.stream("stderr", v.Stderr)
	p.w.static("</div>\n</details>\n")
	return p.w.err
}

// line is what is seen of a visit that is folded.
func (p *page) line(v Visit) {
	p.w.printf("<summary><span class=\"number\">%d</span> <span class=\"step\"><span>%s/</span>%s</span> ",
		v.Attempt, oneLine(v.At.Workflow), oneLine(v.At.Step))
	p.w.printf("<span class=\"outcome\">%s</span> <span class=\"time\">%s", v.Outcome, took(v.Took()))
	if v.Limit > 0 {
		p.w.printf(" <span class=\"soft\">of %s</span>", job.FormatDuration(v.Limit))
	}
	p.w.static("</span>\n")
	p.w.optional("<span class=\"text\">%s</span>\n", clean(v.Message))
	from, wide := p.bar(v)
	p.w.printf("<span class=\"lane\"><i style=\"margin-left: %.2f%%; width: %.2f%%\"></i></span></summary>\n", from, wide)
}

func (p *page) changes(c Changes) {
	if len(c.List) == 0 {
		return
	}
	p.w.static("<h3>Changes of the context</h3>\n<ul>\n")
	for _, ch := range c.List {
		path := oneLine(ch.Path)
		if ch.Old != "" {
			p.w.printf("<li class=\"gone\">− %s: %s</li>\n", path, oneLine(ch.Old))
		}
		if ch.New != "" {
			p.w.printf("<li class=\"new\">+ %s: %s</li>\n", path, oneLine(ch.New))
		}
	}
	if c.LeftOut > 0 {
		p.w.printf("<li class=\"soft\">… %s …</li>\n", count(c.LeftOut, "more change"))
	}
	p.w.static("</ul>\n")
}

func (p *page) stream(name string, log Log) {
	text := strings.TrimSuffix(log.Text, "\n")
	if text == "" && log.Trouble == "" {
		return
	}
	p.w.printf("<h3>%s</h3>\n", name)
	p.w.optional("<pre tabindex=\"0\">%s</pre>\n", text)
	p.w.optional("<p class=\"soft\">%s</p>\n", clean(log.Trouble))
}
