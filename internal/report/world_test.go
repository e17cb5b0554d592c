package report_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/internal/journal"
	"gitlab.com/f5-pwe/kog/v3/internal/report"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// world is a run in a folder of its own, written event by event.
type world struct {
	tb    testing.TB
	store *journal.Store
	run   *journal.Run
	state event.State
	now   time.Time
}

// newWorld begins the run r of a job.
func newWorld(tb testing.TB, task string) *world {
	tb.Helper()
	w := &world{tb: tb, store: journal.NewStore(tb.TempDir()), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	run, err := w.store.Create("r", []byte("name: x"))
	if err != nil {
		tb.Fatal(err)
	}
	w.run = run
	tb.Cleanup(func() {
		if err := run.Close(); err != nil {
			tb.Error(err)
		}
	})
	w.write(event.RunStarted{
		Task: task, CorrelationID: "c-1", JobSource: "job.yaml", Executor: "fake", KogVersion: "3.0.0",
		Start: job.Cursor{Workflow: "run", Step: "start"}, Context: job.Values{"build": "7"},
	})
	return w
}

func (w *world) write(p event.Payload) {
	w.tb.Helper()
	e := event.Event{Seq: w.state.Seq + 1, Time: w.now, Run: "r", Payload: p}
	next, err := w.state.Apply(e)
	if err == nil {
		err = w.run.Append(context.Background(), e)
	}
	if err != nil {
		w.tb.Fatal(err)
	}
	w.state = next
}

// pass lets time go by.
func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

// visit is a visit of a step to write.
type visit struct {
	step           string
	outcome        job.Outcome // empty: it stays open
	message        string
	values         *job.Values
	stdout, stderr string
	took           time.Duration
	limit          time.Duration
	warnings       []string
	neverRan       bool
}

func (w *world) visit(v visit) {
	w.tb.Helper()
	at := job.Cursor{Workflow: "run", Step: v.step}
	n := w.state.Attempts + 1
	w.write(event.StepStarting{Attempt: n, At: at, Action: "act", Image: "img:1", ContainerID: fmt.Sprint("kog-r-", n), Duration: v.limit})
	w.pass(250 * time.Millisecond)
	if !v.neverRan {
		w.write(event.StepStarted{Attempt: n, Handle: []byte(`{}`), Image: "img:1", Pinned: "img@sha256:0123"})
		w.output(v)
	}
	w.pass(v.took)
	if v.outcome == "" {
		return
	}
	fin := event.StepFinished{
		Attempt: n, At: at, Outcome: v.outcome, Message: v.message, Context: v.values, Warnings: v.warnings, Clean: v.neverRan,
	}
	if v.outcome != job.Success {
		fin.RC = 3
	}
	w.write(fin)
	if !v.neverRan {
		w.write(event.StepRemoved{Attempt: n})
	}
}

func (w *world) output(v visit) {
	w.tb.Helper()
	out, errs, err := w.run.Open("r", *w.state.Open)
	if err != nil {
		w.tb.Fatal(err)
	}
	_, err1 := io.WriteString(out, v.stdout)
	_, err2 := io.WriteString(errs, v.stderr)
	if err := errors.Join(err1, err2, out.Close(), errs.Close()); err != nil {
		w.tb.Fatal(err)
	}
}

// end finishes the run as the engine would.
func (w *world) end() {
	w.tb.Helper()
	status, message := w.state.Status()
	w.write(event.RunFinished{Status: status, Message: message, Steps: w.state.Attempts})
}

func (w *world) report(kind string) string {
	w.tb.Helper()
	var b strings.Builder
	if err := report.Write(&b, kind, w.store.Past("r")); err != nil {
		w.tb.Fatal(err)
	}
	return b.String()
}

// mixed is a run with a bit of everything.
func mixed(tb testing.TB) *world {
	w := newWorld(tb, "mixed <job> | `x`")
	w.visit(visit{
		step: "start", outcome: job.Success, message: "hello", took: 1234 * time.Millisecond, limit: 30 * time.Minute,
		values: &job.Values{"build": "7", "device": map[string]any{"name": "rig-7", "ports": []any{"a", "b"}}},
		stdout: "one\n\x1b[31mred\x1b[0m\nKOG:{\"result\":\"success\"}\n", stderr: "careful]]>\n",
	})
	w.visit(visit{step: "test", outcome: job.Failure, message: "2 of 9 tests failed", took: 61 * time.Second, stdout: "--- FAIL: <b>x</b>\n```\n"})
	w.visit(visit{step: "test", outcome: job.Success, message: "all passed", took: 59 * time.Second, warnings: []string{"odd, but so"}})
	w.write(event.RunResumed{KogVersion: "3.0.1"})
	w.visit(visit{
		step: "deploy", outcome: job.Timeout, message: "not finished within 2m", took: 2 * time.Minute, limit: 2 * time.Minute,
		values: &job.Values{"device": map[string]any{"name": "rig-8", "ports": []any{"a"}}, "a.b": "dotted"},
	})
	w.visit(visit{step: "notify", outcome: job.Abort, message: "requirements are not met:\nNAME\nOTHER", neverRan: true})
	w.visit(visit{step: "clean", outcome: job.Success, message: "done", took: 4 * time.Second})
	w.end()
	return w
}
