package view_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/internal/logs"
	"gitlab.com/f5-pwe/kog/v3/internal/view"
	"gitlab.com/f5-pwe/kog/v3/job"
)

var start = job.Cursor{Workflow: "run", Step: "start"}

func open() event.OpenStep {
	return event.OpenStep{StepStarting: event.StepStarting{Attempt: 2, At: start}}
}

// stdoutOf writes pieces to a view's stdout, and ends it.
func stdoutOf(t *testing.T, v view.View, pieces ...string) {
	t.Helper()
	out, errs, err := v.Open("r", open())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pieces {
		if n, err := out.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := errs.Close(); err != nil {
		t.Fatal(err)
	}
}

func plain(t *testing.T, format string) (*view.Plain, *bytes.Buffer) {
	t.Helper()
	var buf bytes.Buffer
	log, err := logs.New(&buf, format, slog.LevelInfo)
	if err != nil {
		t.Fatal(err)
	}
	return view.NewPlain(log), &buf
}

func TestPlainOutputLines(t *testing.T) {
	v, buf := plain(t, "logfmt")
	stdoutOf(t, v, "one\ntw", "o\r\n\n", "esc \x1b[31m\rred\x07\n", "  KOG:{\"result\":\"success\"}\nlast")
	for i, want := range []string{"msg=one ", "msg=two ", `msg="" `, `msg="esc \x1b[31m\rred\a" `, "msg=last "} {
		lines := strings.Split(strings.TrimSpace(buf.String()), "\n")
		if len(lines) != 5 {
			t.Fatalf("%d lines:\n%s", len(lines), buf)
		}
		if !strings.Contains(lines[i], want+"stream=stdout step=run/start attempt=2 run=r") {
			t.Errorf("line %d: %q, want %q", i, lines[i], want)
		}
	}
	if strings.ContainsAny(buf.String(), "\x1b\a\r") {
		t.Errorf("control characters in %q", buf)
	}
}

func TestLongLinesComeInPieces(t *testing.T) {
	var got strings.Builder
	v, buf := plain(t, "json")
	long := strings.Repeat("0123456789", view.MaxLine/4)
	stdoutOf(t, v, long[:7], long[7:], "\nend\n")
	lines := strings.Split(strings.TrimSpace(buf.String()), "\n")
	for _, line := range lines[:len(lines)-1] {
		var rec struct{ Msg string }
		if err := json.Unmarshal([]byte(line), &rec); err != nil {
			t.Fatal(err)
		}
		if len(rec.Msg) > view.MaxLine {
			t.Errorf("a piece of %d bytes", len(rec.Msg))
		}
		got.WriteString(rec.Msg)
	}
	if got.String() != long || !strings.Contains(lines[len(lines)-1], `"msg":"end"`) {
		t.Errorf("%d bytes in %d lines, want %d", got.Len(), len(lines), len(long))
	}
}

// events has one event of every kind.
func events() []event.Event {
	payloads := []event.Payload{
		event.RunStarted{Task: "task", Start: start, Executor: "fake", CorrelationID: "c", Context: job.Values{}},
		event.RunResumed{},
		event.StepStarting{Attempt: 1, At: start, Action: "act", Image: "img:1"},
		event.StepProgress{Attempt: 1, At: start, Message: "pulling img:1", Warning: true},
		event.StepStarted{Attempt: 1, Handle: []byte(`{}`), Pinned: "img@sha256:1"},
		event.StepStopping{Attempt: 1, Outcome: job.Timeout, Reason: "too slow"},
		event.StepFinished{Attempt: 1, At: start, Outcome: job.Timeout, RC: 124, Message: "too slow\nreally", Warnings: []string{"odd"}},
		event.StepRemoved{Attempt: 1, Error: "busy"},
		event.RunFinished{Status: job.Timeout, Message: "too slow", Steps: 1},
	}
	out := make([]event.Event, len(payloads))
	for i, p := range payloads {
		out[i] = event.Event{Seq: uint64(i + 1), Run: "r", Time: time.Unix(int64(i), 0).UTC(), Payload: p}
	}
	return out
}

func TestPlainEvents(t *testing.T) {
	v, buf := plain(t, "logfmt")
	for _, e := range events() {
		v.Handle(context.Background(), e, event.State{StartedAt: time.Unix(0, 0)})
	}
	for _, want := range []string{
		`level=INFO msg="run started" task=task start=run/start executor=fake correlation_id=c run=r`,
		`level=INFO msg="run resumed"`,
		`level=INFO msg="step starting" step=run/start attempt=1 action=act image=img:1 run=r`,
		`level=WARN msg="pulling img:1" step=run/start attempt=1 run=r`,
		`level=WARN msg="step stopping" attempt=1 outcome=timeout reason="too slow" run=r`,
		`level=WARN msg="step finished" step=run/start attempt=1 outcome=timeout rc=124 message="too slow\nreally" run=r`,
		`level=WARN msg=odd step=run/start attempt=1 run=r`,
		`level=WARN msg="container not removed" attempt=1 error=busy run=r`,
		`level=INFO msg="run finished" status=timeout message="too slow" steps=1 took=8s run=r`,
	} {
		if !strings.Contains(buf.String(), want) {
			t.Errorf("no %s in\n%s", want, buf)
		}
	}
	if n := strings.Count(buf.String(), "\n"); n != 9 {
		t.Errorf("%d records, want 9 (debug ones are not shown)", n)
	}
}

func TestJSONIsTheJournalsForm(t *testing.T) {
	var buf bytes.Buffer
	v := view.NewJSON(&buf)
	for _, e := range events() {
		v.Handle(context.Background(), e, event.State{})
	}
	for i, line := range strings.Split(strings.TrimSpace(buf.String()), "\n") {
		e, err := event.Decode([]byte(line))
		if err != nil || fmt.Sprintf("%T", e.Payload) != fmt.Sprintf("%T", events()[i].Payload) {
			t.Errorf("line %d: %v, %v", i, e, err)
		}
	}
	buf.Reset()
	stdoutOf(t, v, "<a>\xff\n")
	want := `"run":"r","kind":"step_output","v":1,"data":{"attempt":2,"at":{"workflow":"run","step":"start"},"stream":"stdout","line":"<a>` + "�" + `"}}`
	if !strings.Contains(buf.String(), want) && !strings.Contains(buf.String(), strings.ReplaceAll(want, "�", `\ufffd`)) {
		t.Errorf("output line %s", buf.String())
	}
}

func TestQuietSaysNothing(t *testing.T) {
	stdoutOf(t, view.Quiet{}, "x\n")
	view.Quiet{}.Handle(context.Background(), events()[0], event.State{})
}

func TestUnknownLogFormat(t *testing.T) {
	if _, err := logs.New(&bytes.Buffer{}, "xml", nil); err == nil || !strings.Contains(err.Error(), "logfmt or json") {
		t.Errorf("error %v", err)
	}
}
