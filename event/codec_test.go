package event_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/job"
)

var write = flag.Bool("write-v1", false, "write testdata/v1; only before version 1 is released")

// v1 is a whole run with every payload, all fields set, as version 1 has them.
func v1() []event.Event {
	at := time.Date(2024, 7, 13, 12, 0, 0, 123456789, time.UTC)
	start, clean := job.Cursor{Workflow: "run", Step: "start"}, job.Cursor{Workflow: "run", Step: "clean"}
	code := 0
	events := []event.Payload{
		event.RunStarted{
			Task: "golden", CorrelationID: "c-1", JobSHA256: "ab12", JobSource: "job.yaml", Start: start,
			Context: job.Values{"n": json.Number("12345678901234567890"), "s": "<é>"}, Executor: "fake",
			Options: event.Options{
				MaxSteps: 7, StartTimeout: time.Minute, Grace: time.Second, Pull: "never",
				Volumes: []string{"/a:/b:ro"}, Network: "none", Workspace: 1 << 30,
				EnvNames: []string{"A", "B"}, MaskNames: []string{"B"},
			},
			KogVersion: "3.0.0", RemediationOf: "r-0",
		},
		event.StepStarting{Attempt: 1, At: start, Action: "act", Image: "img:1", ContainerID: "kog-r-1-1", Duration: time.Hour},
		event.StepStarted{Attempt: 1, Handle: json.RawMessage(`{"executor":"fake","id":"kog-r-1-1"}`), Image: "img:1", Pinned: "img@sha256:00"},
		event.StepStopping{Attempt: 1, Outcome: job.Timeout, RC: 124, Reason: "not finished within 1h0m0s", KeepResult: true},
		event.RunResumed{KogVersion: "3.0.1"},
		event.StepFinished{
			Attempt: 1, At: start, Outcome: job.Failure, RC: 3, Message: "broken", Remediate: true,
			Context: &job.Values{"k": []any{json.Number("1"), nil, true}}, ExitCode: &code, Warnings: []string{"w"},
		},
		event.StepRemoved{Attempt: 1, Error: "busy"},
		event.StepStarting{Attempt: 2, At: clean, Action: "gone", ContainerID: "kog-r-1-2"},
		event.StepFinished{Attempt: 2, At: clean, Outcome: job.Abort, RC: 125, Message: "not defined", Clean: true},
		event.StepRemoved{Attempt: 1},
		event.RunFinished{Status: job.Failure, Message: "broken", Steps: 2},
	}
	out := make([]event.Event, len(events))
	for i, p := range events {
		out[i] = event.Event{Seq: uint64(i + 1), Time: at.Add(time.Duration(i) * time.Second), Run: "r-1", Payload: p}
	}
	return out
}

const golden = "testdata/v1/run.ndjson"

func encodeAll(t *testing.T, events []event.Event) []byte {
	t.Helper()
	var buf bytes.Buffer
	for _, e := range events {
		line, err := event.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		buf.Write(line)
	}
	return buf.Bytes()
}

// Journals of version 1 must be readable for ever: this file is never changed.
func TestVersion1IsReadable(t *testing.T) {
	if *write {
		if err := os.WriteFile(golden, encodeAll(t, v1()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	var got []event.Event
	var state event.State
	for sc := bufio.NewScanner(bytes.NewReader(data)); sc.Scan(); {
		e, err := event.Decode(sc.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if state, err = state.Apply(e); err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	if diff := cmp.Diff(v1(), got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	if state.Phase != event.PhaseFinished || len(state.Leftovers) != 0 || state.Attempts != 2 {
		t.Errorf("state %+v", state)
	}
}

func TestEncodeIsOneLine(t *testing.T) {
	for _, e := range v1() {
		line, err := event.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Count(line, []byte("\n")) != 1 || line[len(line)-1] != '\n' {
			t.Errorf("%s: %q", e.Payload.Kind(), line)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for line, want := range map[string]string{
		``:                                       "unexpected end",
		`{"kind":"step_star`:                     "unexpected end",
		`{"kind":"x","v":1}`:                     "newer kog",
		`{"kind":"run_started","v":2,"data":{}}`: "newer kog",
		`{"seq":3,"kind":"step_removed","v":1,"data":{"attempt":"x"}}`: "decode event 3 (step_removed)",
	} {
		_, err := event.Decode([]byte(line))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", line, err, want)
		}
	}
	_, err := event.Decode([]byte(`{"kind":"run_started","v":2}`))
	if !errors.Is(err, event.ErrTooNew) {
		t.Errorf("version 2: %v", err)
	}
}
