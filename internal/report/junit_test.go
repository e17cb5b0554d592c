package report_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// suites is a JUnit report as a reader sees it.
type suites struct {
	XMLName xml.Name `xml:"testsuites"`
	Suite   []suite  `xml:"testsuite"`
}

type suite struct {
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Errors   int        `xml:"errors,attr"`
	Skipped  int        `xml:"skipped,attr"`
	Cases    []testCase `xml:"testcase"`
}

type testCase struct {
	Name    string    `xml:"name,attr"`
	Class   string    `xml:"classname,attr"`
	Time    string    `xml:"time,attr"`
	Skipped []problem `xml:"skipped"`
	Error   []problem `xml:"error"`
	Failure []problem `xml:"failure"`
	Out     string    `xml:"system-out"`
	Err     string    `xml:"system-err"`
}

type problem struct {
	Message string `xml:"message,attr"`
}

// parseJUnit reads a report back, and checks that its numbers are right.
func parseJUnit(tb testing.TB, text string) suite {
	tb.Helper()
	dec := xml.NewDecoder(strings.NewReader(text))
	var s suites
	if err := dec.Decode(&s); err != nil {
		tb.Fatalf("%v\n%s", err, text)
	}
	if tok, err := dec.Token(); !errors.Is(err, io.EOF) {
		if space, ok := tok.(xml.CharData); !ok || strings.TrimSpace(string(space)) != "" {
			tb.Fatalf("something follows: %v, %v", tok, err)
		}
	}
	if len(s.Suite) != 1 {
		tb.Fatalf("%d suites", len(s.Suite))
	}
	got := s.Suite[0]
	want := suite{Tests: len(got.Cases)}
	for _, c := range got.Cases {
		want.Skipped += len(c.Skipped)
		want.Errors += len(c.Error)
		want.Failures += len(c.Failure)
		if _, err := strconv.ParseFloat(c.Time, 64); err != nil {
			tb.Errorf("%s: time: %v", c.Name, err)
		}
	}
	if got.Tests != want.Tests || got.Skipped != want.Skipped || got.Errors != want.Errors || got.Failures != want.Failures {
		tb.Errorf("the suite says %d tests, %d skipped, %d errors, %d failures; its cases %d, %d, %d, %d",
			got.Tests, got.Skipped, got.Errors, got.Failures, want.Tests, want.Skipped, want.Errors, want.Failures)
	}
	return got
}

func TestJUnitSaysWhatTheRunSays(t *testing.T) {
	for name, tc := range map[string]struct {
		write                     func(w *world)
		failures, errors, skipped int
		last                      string
	}{
		"success": {write: func(w *world) {
			w.visit(visit{step: "start", outcome: job.Success})
			w.end()
		}, last: "start"},
		"made good": {write: func(w *world) {
			w.visit(visit{step: "start", outcome: job.Failure})
			w.visit(visit{step: "start", outcome: job.Success})
			w.end()
		}, skipped: 1, last: "start #2"},
		"failure": {write: func(w *world) {
			w.visit(visit{step: "start", outcome: job.Failure})
			w.end()
		}, failures: 1, last: "start"},
		"abort and timeout": {write: func(w *world) {
			w.visit(visit{step: "start", outcome: job.Abort})
			w.visit(visit{step: "more", outcome: job.Timeout})
			w.end()
		}, errors: 2, last: "more"},
		"stopped at a limit": {write: func(w *world) {
			w.visit(visit{step: "start", outcome: job.Success})
			w.write(event.RunFinished{Status: job.Failure, Message: "the limit is reached", Steps: 1})
		}, failures: 1, last: "(run)"},
		"left in a step": {write: func(w *world) {
			w.visit(visit{step: "start", outcome: job.Success})
			w.visit(visit{step: "open", stdout: "half a li"})
		}, errors: 1, last: "open"},
		"left between steps": {write: func(w *world) {
			w.visit(visit{step: "start", outcome: job.Success})
		}, errors: 1, last: "(run)"},
		"left before any step": {write: func(*world) {}, errors: 1, last: "(run)"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "task")
			tc.write(w)
			s := parseJUnit(t, w.report("junit"))
			if s.Failures != tc.failures || s.Errors != tc.errors || s.Skipped != tc.skipped {
				t.Errorf("%d failures, %d errors, %d skipped, want %d, %d, %d", s.Failures, s.Errors, s.Skipped, tc.failures, tc.errors, tc.skipped)
			}
			if last := s.Cases[len(s.Cases)-1].Name; last != tc.last {
				t.Errorf("the last case is %q, want %q", last, tc.last)
			}
		})
	}
}

func TestJUnitKeepsText(t *testing.T) {
	w := newWorld(t, "task")
	w.visit(visit{
		step: "start", outcome: job.Failure, message: "a \"b\" <c> & \x00", took: 1500 * time.Millisecond,
		stdout: "]]>\x1b[1mbold\x1b[0m\r\nnul\x00\xff\n", stderr: "<&>",
	})
	w.end()
	c := parseJUnit(t, w.report("junit")).Cases[0]
	if want := "]]>bold\nnul␀�\n"; c.Out != want {
		t.Errorf("stdout %q, want %q", c.Out, want)
	}
	if c.Err != "<&>" || c.Time != "1.500" || c.Class != "task.run" {
		t.Errorf("stderr %q, time %s, class %s", c.Err, c.Time, c.Class)
	}
	if want := "a \"b\" <c> & ␀"; c.Failure[0].Message != want {
		t.Errorf("message %q, want %q", c.Failure[0].Message, want)
	}
}
