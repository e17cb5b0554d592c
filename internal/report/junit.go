package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// junit writes one test suite with a test case for each visit. A visit that
// was no success is a failure or an error only if its result counts; when the
// step was visited again, it is skipped. So the suite passes exactly when the
// run is a success.
//
// Source of the form: the schema of Jenkins' xUnit plug-in, which has what
// GitLab and others read too.
type junit struct {
	enc     *xml.Encoder
	out     io.Writer
	summary Summary
	visited map[job.Cursor]int
}

func newJUnit(w io.Writer) form {
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	return &junit{enc: enc, out: w, visited: map[job.Cursor]int{}}
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitProperties struct {
	XMLName xml.Name        `xml:"properties"`
	List    []junitProperty `xml:"property"`
}

// add takes a property, unless it is empty.
func (p *junitProperties) add(name, value string) {
	if value = clean(value); value != "" {
		p.List = append(p.List, junitProperty{name, value})
	}
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

type junitText struct {
	Text string `xml:",cdata"`
}

type junitCase struct {
	XMLName    xml.Name `xml:"testcase"`
	Name       string   `xml:"name,attr"`
	Class      string   `xml:"classname,attr"`
	Time       string   `xml:"time,attr"`
	Properties *junitProperties
	Skipped    *junitProblem `xml:"skipped"`
	Error      *junitProblem `xml:"error"`
	Failure    *junitProblem `xml:"failure"`
	Out        *junitText    `xml:"system-out"`
	Err        *junitText    `xml:"system-err"`
}

// junitCounts are the numbers of a suite.
type junitCounts struct{ tests, failures, errors, skipped int }

func (j *junit) begin(s Summary) error {
	j.summary = s
	counts := s.junitCounts()
	if runCase(s) != nil {
		counts.tests++
		if s.Status == job.Failure {
			counts.failures++
		} else {
			counts.errors++
		}
	}
	if _, err := io.WriteString(j.out, xml.Header); err != nil {
		return err
	}
	attrs := []xml.Attr{
		attr("name", clean(s.Task)), attr("tests", strconv.Itoa(counts.tests)),
		attr("failures", strconv.Itoa(counts.failures)), attr("errors", strconv.Itoa(counts.errors)),
		attr("skipped", strconv.Itoa(counts.skipped)), attr("time", seconds(s.Took())),
	}
	for _, start := range []xml.StartElement{
		element("testsuites", attrs...),
		element("testsuite", append(attrs, attr("timestamp", s.Began.UTC().Format("2006-01-02T15:04:05")))...),
	} {
		if err := j.enc.EncodeToken(start); err != nil {
			return err
		}
	}
	return j.enc.Encode(suiteProperties(s))
}

func suiteProperties(s Summary) junitProperties {
	var p junitProperties
	p.add("run_id", s.RunID)
	p.add("correlation_id", s.CorrelationID)
	p.add("status", string(s.Status))
	p.add("message", s.Message)
	p.add("start", s.Start.String())
	p.add("ended", s.Ended.UTC().Format(time.RFC3339))
	p.add("executor", s.Executor)
	p.add("job_source", s.JobSource)
	p.add("kog_version", s.KogVersion)
	if s.Resumed > 0 {
		p.add("resumed", strconv.Itoa(s.Resumed))
	}
	p.add("leftover_containers", strings.Join(s.Leftovers, " "))
	return p
}

func (j *junit) visit(v Visit) error {
	c := junitCase{
		Name: clean(v.At.Step), Class: clean(j.summary.Task + "." + v.At.Workflow), Time: seconds(v.Took()),
		Properties: visitProperties(v),
		Out:        streamText(v.Stdout, v.Changes), Err: streamText(v.Stderr, Changes{}),
	}
	if j.visited[v.At]++; j.visited[v.At] > 1 {
		c.Name += fmt.Sprintf(" #%d", j.visited[v.At])
	}
	c.judge(v)
	return j.enc.Encode(c)
}

// judge says how the visit ended, if it was no success.
func (c *junitCase) judge(v Visit) {
	if v.Outcome == job.Success {
		return
	}
	p := &junitProblem{Message: clean(v.Message), Type: string(v.Outcome)}
	p.Text = fmt.Sprintf("%s: %s (rc %d, %s)", v.Outcome, p.Message, v.RC, tookOf(v))
	switch {
	case !v.Latest:
		p.Message = fmt.Sprintf("%s, visited again as attempt %d: %s", v.Outcome, v.NextAttempt, p.Message)
		p.Type, p.Text = "", ""
		c.Skipped = p
	case v.Outcome == job.Failure:
		c.Failure = p
	default:
		if v.Outcome == Unfinished {
			p.Message = "not finished when this report was made"
			p.Text = p.Message
		}
		c.Error = p
	}
}

func visitProperties(v Visit) *junitProperties {
	var p junitProperties
	p.add("attempt", strconv.Itoa(v.Attempt))
	p.add("outcome", string(v.Outcome))
	p.add("rc", strconv.Itoa(v.RC))
	if v.ExitCode != nil {
		p.add("exit_code", strconv.Itoa(*v.ExitCode))
	}
	p.add("message", v.Message)
	p.add("action", v.Action)
	p.add("image", v.Image)
	p.add("digest", v.Pinned)
	p.add("starting", v.Starting.UTC().Format(time.RFC3339Nano))
	if !v.Started.IsZero() {
		p.add("started", v.Started.UTC().Format(time.RFC3339Nano))
	}
	if v.Limit > 0 {
		p.add("limit", job.FormatDuration(v.Limit))
	}
	for _, w := range v.Warnings {
		p.add("warning", w)
	}
	return &p
}

// streamText is a log, below it the changes of the context; nil when there is neither.
func streamText(l Log, c Changes) *junitText {
	text := l.Text
	if l.Trouble != "" {
		text += "[" + clean(l.Trouble) + "]\n"
	}
	if d := diff(c); d != "" {
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		text += "[changes of the context]\n" + d
	}
	if text == "" {
		return nil
	}
	return &junitText{text}
}

func (j *junit) gap(n int) error {
	return fmt.Errorf("%d visits were left out of a report that has to have all", n)
}

func (j *junit) end() error {
	if c := runCase(j.summary); c != nil {
		if err := j.enc.Encode(c); err != nil {
			return err
		}
	}
	for _, name := range []string{"testsuite", "testsuites"} {
		if err := j.enc.EncodeToken(xml.EndElement{Name: xml.Name{Local: name}}); err != nil {
			return err
		}
	}
	if err := j.enc.Close(); err != nil {
		return err
	}
	_, err := io.WriteString(j.out, "\n")
	return err
}

// runCase is a test case for the run itself, where no visit tells that it was
// no success: it stopped at a limit, or kog could not go on.
func runCase(s Summary) *junitCase {
	c := s.junitCounts()
	if s.Status == job.Success || c.failures+c.errors > 0 {
		return nil
	}
	out := &junitCase{Name: "(run)", Class: clean(s.Task), Time: seconds(0)}
	p := &junitProblem{Message: clean(s.Message), Type: string(s.Status)}
	if s.Status == job.Failure {
		out.Failure = p
		return out
	}
	if s.Status == Unfinished {
		p.Message = "the run has not ended"
	}
	out.Error = p
	return out
}

func (s Summary) junitCounts() junitCounts {
	c := junitCounts{tests: s.Total, skipped: s.troubles()}
	for _, outcome := range s.counting {
		c.skipped--
		if outcome == job.Failure {
			c.failures++
		} else {
			c.errors++
		}
	}
	return c
}

func element(name string, attrs ...xml.Attr) xml.StartElement {
	return xml.StartElement{Name: xml.Name{Local: name}, Attr: attrs}
}

func attr(name, value string) xml.Attr { return xml.Attr{Name: xml.Name{Local: name}, Value: value} }

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }
