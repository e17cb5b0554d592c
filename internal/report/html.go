package report

import (
	_ "embed" // for what is the same in every page
	"io"
	"slices"
	"time"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// page is HTML that needs nothing else: no script, no file, no net.
type page struct {
	w       markup
	summary Summary
}

//go:embed head.html
var pageHead string

//go:embed style.css
var pageStyle string

const pageFoot = `<footer>All times are UTC. Green, red, orange and violet are success, failure, abort and time-out. ` +
	`The line below a step is its place in the time of the run.</footer>
</main>
</body>
</html>
`

func newHTML(w io.Writer) form { return &page{w: markup{errWriter{w: w}}} }

func (p *page) begin(s Summary) error {
	p.summary = s
	task := oneLine(s.Task)
	p.w.static(pageHead)
	p.w.printf("<title>%s: %s</title>\n<style>\n", s.Status, task)
	p.w.static(pageStyle)
	p.w.static("</style>\n</head>\n<body>\n<main>\n")
	p.w.printf("<header class=\"%s\">\n", s.Status)
	p.w.printf("<div><span class=\"outcome\">%s</span> <span class=\"soft\">· %s · %s</span></div>\n",
		s.Status, count(s.Total, "visit"), took(s.Took()))
	p.w.printf("<h1>%s</h1>\n", task)
	p.w.optional("<p class=\"text\">%s</p>\n", clean(s.Message))
	p.jumps(jumps(s))
	p.facts(summaryFacts(s))
	p.w.static("</header>\n<h2>The path taken</h2>\n")
	return p.w.err
}

// jump leads to a visit whose result makes the run no success.
type jump struct {
	attempt int
	at      string
	outcome job.Outcome
}

// maxJumps is how many of them the head of the page has.
const maxJumps = 20

func jumps(s Summary) []jump {
	var out []jump
	for at, outcome := range s.counting {
		out = append(out, jump{s.latest[at], oneLine(at.String()), outcome})
	}
	slices.SortFunc(out, func(a, b jump) int { return a.attempt - b.attempt })
	return out[:min(len(out), maxJumps)]
}

func (p *page) jumps(all []jump) {
	if len(all) == 0 {
		return
	}
	p.w.static("<nav>What is not success:\n")
	for _, j := range all {
		p.w.printf("<a class=\"%s\" href=\"#attempt-%d\">%d %s</a>\n", j.outcome, j.attempt, j.attempt, j.at)
	}
	p.w.static("</nav>\n")
}

func (p *page) facts(all []fact) {
	p.w.static("<dl>\n")
	for _, f := range all {
		p.w.printf("<dt>%s</dt><dd>%s</dd>\n", f.Name, f.Value)
	}
	p.w.static("</dl>\n")
}

// bar is the place of a visit in the time of the run, in percent.
func (p *page) bar(v Visit) (from, wide float64) {
	whole := p.summary.Took()
	percent := func(d time.Duration) float64 {
		if whole <= 0 {
			return 0
		}
		return min(100, max(0, 100*float64(d)/float64(whole)))
	}
	from = percent(v.Starting.Sub(p.summary.Began))
	return from, min(100-from, percent(v.Ended.Sub(v.Starting)))
}

func (p *page) gap(n int) error {
	p.w.printf("<p class=\"gap\">… %s left out; the journal of the run has all …</p>\n", count(n, "visit"))
	return p.w.err
}

func (p *page) end() error {
	p.w.static(pageFoot)
	return p.w.err
}
