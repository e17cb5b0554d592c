package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/job"
)

const (
	// maxCell is how many bytes of a name or message are shown in a table.
	maxCell = 120
	// maxDetails is how many bytes the folded blocks may take, so that the whole
	// stays below the 1 MiB that GitHub takes.
	maxDetails = 700 << 10
)

// markdown writes what GitHub and GitLab show as the summary of a job: a
// table of the run, one of the visits, and a folded block for each visit.
//
// Text that is not ours is only ever written by code, escaped, or in a fence
// that it cannot end. Source of the rules: GitHub Flavored Markdown.
type markdown struct {
	w *errWriter
	// details are the blocks that follow the table.
	details strings.Builder
	// omitted counts the blocks for which there was no room.
	omitted int
	summary Summary
}

func newMarkdown(w io.Writer) form { return &markdown{w: &errWriter{w: w}} }

// errWriter remembers the first error, so that its users need not ask each time.
type errWriter struct {
	w   io.Writer
	err error
}

func (e *errWriter) printf(format string, args ...any) {
	if e.err == nil {
		_, e.err = fmt.Fprintf(e.w, format, args...)
	}
}

// sign is a picture for an outcome.
func sign(o job.Outcome) string {
	switch o {
	case job.Success:
		return "✅"
	case job.Failure:
		return "❌"
	case job.Abort:
		return "⛔"
	case job.Timeout:
		return "⌛"
	}
	return "❔"
}

func (m *markdown) begin(s Summary) error {
	m.summary = s
	m.w.printf("## %s %s: %s\n\n", sign(s.Status), code(s.Task), s.Status)
	if s.Message != "" {
		m.w.printf("%s\n\n", code(s.Message))
	}
	m.w.printf("| | |\n| --- | --- |\n")
	for _, f := range summaryFacts(s) {
		m.w.printf("| %s | %s |\n", f.Name, code(f.Value))
	}
	m.w.printf("\n| # | step | outcome | rc | took | message |\n| ---: | --- | --- | ---: | ---: | --- |\n")
	return m.w.err
}

func (m *markdown) visit(v Visit) error {
	outcome := string(v.Outcome)
	if v.Outcome != job.Success && !v.Latest {
		outcome += fmt.Sprintf(", again in %d", v.NextAttempt)
	}
	m.w.printf("| %d | %s | %s&nbsp;%s | %d | %s | %s |\n",
		v.Attempt, code(v.At.String()), sign(v.Outcome), outcome, v.RC, tookOf(v), code(v.Message))
	var b strings.Builder
	detail(&b, v)
	if m.details.Len()+b.Len() > maxDetails {
		m.omitted++
		return m.w.err
	}
	m.details.WriteString(b.String())
	return m.w.err
}

// detail writes the folded block of a visit.
func detail(b *strings.Builder, v Visit) {
	open := ""
	if v.Counts() {
		open = " open"
	}
	fmt.Fprintf(b, "<details%s><summary>%d %s %s %s</summary>\n\n", open, v.Attempt, code(v.At.String()), sign(v.Outcome), v.Outcome)
	for _, f := range visitFacts(v) {
		fmt.Fprintf(b, "- %s: %s\n", f.Name, code(f.Value))
	}
	if len(v.Message) > maxCell {
		block(b, "Message", "text", clean(action.Shorten(v.Message, 10*maxCell)))
	}
	block(b, "Changes of the context", "diff", diff(v.Changes))
	for _, s := range []struct {
		name string
		log  Log
	}{{"stdout", v.Stdout}, {"stderr", v.Stderr}} {
		block(b, "Output on "+s.name, "text", s.log.Text)
		if s.log.Trouble != "" {
			fmt.Fprintf(b, "- %s\n", code(s.log.Trouble))
		}
	}
	b.WriteString("\n</details>\n")
}

func (m *markdown) gap(n int) error {
	m.w.printf("| … | %s left out | | | | |\n", count(n, "visit"))
	fmt.Fprintf(&m.details, "\n… %s left out …\n\n", count(n, "visit"))
	return m.w.err
}

func (m *markdown) end() error {
	if m.omitted > 0 {
		fmt.Fprintf(&m.details, "\n… the details of %s left out …\n", count(m.omitted, "visit"))
	}
	m.w.printf("\n%s\n%s, run %s in %s.\n", m.details.String(),
		count(m.summary.Total, "visit"), code(m.summary.RunID), took(m.summary.Took()))
	return m.w.err
}

// block writes text in a fence that is longer than any row of backticks in it.
func block(b *strings.Builder, title, language, text string) {
	if text == "" {
		return
	}
	longest, run := 0, 0
	for _, r := range text {
		if r == '`' {
			run++
			longest = max(longest, run)
			continue
		}
		run = 0
	}
	fence := strings.Repeat("`", max(3, longest+1))
	fmt.Fprintf(b, "\n%s\n\n%s%s\n%s\n%s\n", title, fence, language, strings.TrimSuffix(text, "\n"), fence)
}

// meaningless are the ASCII characters that never mean anything within a line.
const meaningless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,-/()=;"

// code is text as it is, on one line and shortened, wherever Markdown allows
// something inline. Every character that could mean something is an entity,
// which never has a meaning; and people and issues are not mentioned in code.
func code(s string) string {
	s = oneLine(action.Shorten(s, maxCell))
	if s == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("<code>")
	for _, r := range s {
		if r < utf8.RuneSelf && !strings.ContainsRune(meaningless, r) {
			b.WriteString("&#" + strconv.Itoa(int(r)) + ";")
			continue
		}
		b.WriteRune(r)
	}
	b.WriteString("</code>")
	return b.String()
}
