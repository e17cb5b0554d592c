package mask_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/internal/mask"
	"gitlab.com/f5-pwe/kog/v3/job"
)

func named() *mask.Masker {
	return mask.New([]string{"PIN", "odd name*"},
		mask.Source{Vars: map[string]string{"PASSWORD": "hunter2", "PIN": "31415926", "odd name*": "strange"}},
		mask.Source{Name: "action.a b", Vars: map[string]string{"PASSWORD": "another", "LATE_TOKEN": "two words\nin lines"}})
}

func TestSeal(t *testing.T) {
	m := named()
	for text, want := range map[string]string{
		"":                        "",
		"nothing":                 "nothing",
		"x hunter2 y":             "x ***PASSWORD*** y",
		"hunter2hunter2":          "***PASSWORD******PASSWORD***",
		"**hunter2**":             "*****PASSWORD*****",
		"68756e74657232":          "***PASSWORD:hex***",
		"Basic dTpodW50ZXIy":      "Basic dTp***PASSWORD:base64-2***",
		"another":                 "***PASSWORD@action.a+b***",
		"in lines":                "***LATE_TOKEN@action.a+b:line2***",
		"strange":                 "***odd+name%2A***",
		"*** ERROR ***":           "*** ERROR ***",
		"***PASSWORD***":          "***:3***PASSWORD***:3***",
		"***OTHER*** and hunter2": "***:3***OTHER***:3*** and ***PASSWORD***",
		"***:3***":                "***:3***:3***:3***",
		"***:number***1":          "***:3***:number***:3***1",
	} {
		got := m.Seal(text)
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if back, err := m.Open(got); back != text || err != nil {
			t.Errorf("%q: opened %q, %v", got, back, err)
		}
	}
}

func TestOpenNeedsTheValue(t *testing.T) {
	sealed := named().Seal("use strange here")
	var missing *mask.MissingError
	if _, err := masker("unrelated").Open(sealed); !errors.As(err, &missing) || missing.Name != "odd name*" {
		t.Errorf("error %v", err)
	}
	// A value from elsewhere is good too, and a new one counts.
	elsewhere := mask.New(nil, mask.Source{Vars: map[string]string{"PASSWORD": "changed"}})
	if got, err := elsewhere.Open("***PASSWORD@action.a+b:hex***"); got != "6368616e676564" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	imported := mask.New(nil, mask.Source{}, mask.Source{Name: "imported", Vars: map[string]string{"PASSWORD": "changed"}})
	if got, err := imported.Open("***PASSWORD***"); got != "changed" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for _, damaged := range []string{"***:0***", "***:-1***", "***:99999999999***", "***PASSWORD:line9***"} {
		if got, err := named().Open(damaged); err == nil {
			t.Errorf("%s: %q", damaged, got)
		}
	}
}

// Whatever a text is, sealing hides the values and loses nothing.
func TestSealLosesNothing(t *testing.T) {
	m := named()
	parts := rapid.SampledFrom([]string{"*", "**", "***", "PASSWORD", ":", "3", "hunter2", "68756e74657232", ":number", "@", " ", "strange", "31415926"})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(parts, 0, 12).Draw(t, "text"), "")
		sealed := m.Seal(text)
		if m.String(sealed) != sealed {
			t.Fatalf("%q still holds a value", sealed)
		}
		if back, err := m.Open(sealed); back != text || err != nil {
			t.Fatalf("%q: opened %q, %v", sealed, back, err)
		}
		v := job.Values{text: []any{text, map[string]any{text: json.Number("1")}}}
		values, err := m.SealValues(v)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := m.OpenValues(values); err != nil || !cmp.Equal(back, v) {
			t.Fatalf("%v: opened %v, %v", values, back, err)
		}
	})
}

func TestSealedNumbersStayNumbers(t *testing.T) {
	m := named()
	v := job.Values{"pin": json.Number("31415926"), "long": json.Number("1.31415926e3"), "n": json.Number("7"), "text": "***:number***7"}
	sealed, err := m.SealValues(v)
	if err != nil {
		t.Fatal(err)
	}
	if sealed["pin"] != "***:number******PIN***" || sealed["n"] != json.Number("7") {
		t.Errorf("sealed %v", sealed)
	}
	if back, err := m.OpenValues(sealed); err != nil || !cmp.Equal(back, v) {
		t.Errorf("opened %v, %v", back, err)
	}
}

// Every event with text in it, folded as it is and as it is written.
func TestStateFromWrittenEvents(t *testing.T) {
	m := named()
	at := job.Cursor{Workflow: "run", Step: "start"}
	const secret = "a hunter2 b"
	payloads := []event.Payload{
		event.RunStarted{
			Task: secret, CorrelationID: secret, JobSource: secret, Start: at, Context: job.Values{"k": secret},
			Options: event.Options{Volumes: []string{secret}},
		},
		event.StepStarting{Attempt: 1, At: at, Action: "a", ContainerID: "c"},
		event.StepFinished{
			Attempt: 1, At: at, Outcome: job.Failure, Message: secret,
			Context: &job.Values{secret: secret}, Warnings: []string{secret},
		},
		event.StepRemoved{Attempt: 1, Error: secret},
		event.StepProgress{Attempt: 1, Message: secret},
		event.RunResumed{},
		event.StepStarting{Attempt: 2, At: at, Action: "a", ContainerID: "c"},
		event.StepStopping{Attempt: 2, Outcome: job.Abort, Reason: secret},
	}
	var raw, written event.State
	for i, p := range payloads {
		sealed, err := m.Payload(p)
		if err != nil {
			t.Fatal(err)
		}
		line, err := event.Encode(event.Event{Seq: uint64(i + 1), Run: "r", Payload: sealed})
		if err != nil || strings.Contains(string(line), "hunter2") {
			t.Errorf("%s, %v", line, err)
		}
		seq := written.Seq + 1
		if raw, err = raw.Apply(event.Event{Seq: seq, Run: "r", Payload: p}); err != nil {
			t.Fatal(err)
		}
		if written, err = written.Apply(event.Event{Seq: seq, Run: "r", Payload: sealed}); err != nil {
			t.Fatal(err)
		}
	}
	opened, err := m.State(written)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(raw, opened); diff != "" {
		t.Errorf("opened (-raw +opened):\n%s", diff)
	}
	if written.Started.Task != "a ***PASSWORD*** b" || written.Open.Stopping.Reason != "a ***PASSWORD*** b" {
		t.Errorf("State changed its argument: %+v", written)
	}
	if _, err := masker("x").State(written); err == nil {
		t.Error("opened without the values")
	}
	fin, err := m.Payload(event.RunFinished{Message: secret})
	if err != nil || fin.(event.RunFinished).Message != "a *** b" {
		t.Errorf("%v, %v", fin, err)
	}
}
