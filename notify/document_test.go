package notify

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/job"
)

const testJob = `
name: fixes
description: a & b
workflows:
  run:
    start: {action: a, success: last, duration: 90s}
    last: {action: a}
actions:
  a: {image: tool, version: 1, env: {PASSWORD: s3cret-value}, requirements: {env: [PASSWORD]}}
context: {n: 12345678901234567890}
`

var testTime = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

// story is a whole run of testJob: its events, with the state after each.
type story struct {
	job    *job.Job
	events []event.Event
	states []event.State
}

func newStory(t testing.TB) story {
	t.Helper()
	j, err := job.Parse("job.yaml", []byte(testJob))
	if err != nil {
		t.Fatal(err)
	}
	s := story{job: j}
	at := func(step string) job.Cursor { return job.Cursor{Workflow: "run", Step: step} }
	var state event.State
	for i, p := range []event.Payload{
		event.RunStarted{Task: "fixes", CorrelationID: "corr", Start: at("start"), Context: j.Context},
		event.StepStarting{Attempt: 1, At: at("start"), Action: "a", ContainerID: "c1"},
		event.StepStarted{Attempt: 1, Handle: json.RawMessage(`{}`)},
		event.StepFinished{Attempt: 1, At: at("start"), Outcome: job.Success, Message: "<done>", Context: &job.Values{"new": true}},
		event.StepStarting{Attempt: 2, At: at("last"), Action: "a", ContainerID: "c2"},
		event.StepFinished{Attempt: 2, At: at("last"), Outcome: job.Failure, RC: 7, Message: "no"},
		event.StepRemoved{Attempt: 1},
		event.RunFinished{Status: job.Failure, Message: "no", Steps: 2},
	} {
		e := event.Event{Seq: uint64(i + 1), Run: "r1", Time: testTime, Payload: p}
		if state, err = state.Apply(e); err != nil {
			t.Fatal(err)
		}
		s.events, s.states = append(s.events, e), append(s.states, state)
	}
	return s
}

// tell hands the events up to one of them to a set.
func (s story) tell(set *Set, upTo int) {
	for i, e := range s.events[:upTo] {
		set.Handle(context.Background(), e, s.states[i])
	}
}

const (
	head = `{"name":"fixes","description":"a & b","current_workflow":"run","current_step":"`
	body = `","stop_on_failure":false,"correlation_id":"corr","workflows":{"run":{"start":{"action":"a","success":"last","duration":"1m30s"},"last":{"action":"a"}}},` +
		`"actions":{"a":{"image":"tool","version":"1","requirements":{"env":["PASSWORD"]}}},"context":`
)

func TestBodies(t *testing.T) {
	s := newStory(t)
	for seq, want := range map[int]string{
		2: head + `start` + body + `{"n":12345678901234567890},"status":"running","notification":{"id":"r1-2","type":"step-start","time":"2024-05-06T07:08:09Z","run_id":"r1","attempt":1,"action":"a"}}`,
		4: head + `start` + body + `{"new":true},"status":"running","notification":{"id":"r1-4","type":"step-end","time":"2024-05-06T07:08:09Z","run_id":"r1","attempt":1,"action":"a",` +
			`"result":{"result":"success","rc":0,"message":"<done>"}}}`,
		8: head + `last` + body + `{"new":true},"status":"failure","message":"no","notification":{"id":"r1-8","type":"job-end","time":"2024-05-06T07:08:09Z","run_id":"r1"}}`,
	} {
		kind, ok := kindOf(s.events[seq-1].Payload)
		sub := subject{kind: kind, job: withoutSecrets(s.job), event: s.events[seq-1], state: s.states[seq-1]}
		rec, err := FormatJob.record(sub)
		if err != nil || !ok {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(rec.Body)); diff != "" || rec.ContentType != "application/json" {
			t.Errorf("event %d, %s: %s", seq, rec.ContentType, diff)
		}
		wrapped, err := FormatCloudEvents.record(sub)
		if err != nil {
			t.Fatal(err)
		}
		subject := `"subject":"run/start",`
		if kind == JobEnd {
			subject = ""
		}
		want = `{"specversion":"1.0","id":"` + rec.ID + `","source":"/kog/runs/r1","type":"io.kog.` + string(kind) + `",` + subject +
			`"time":"2024-05-06T07:08:09Z","correlationid":"corr","datacontenttype":"application/json","data":` + want + `}`
		if diff := cmp.Diff(want, string(wrapped.Body)); diff != "" || wrapped.ContentType != "application/cloudevents+json" {
			t.Errorf("event %d, %s: %s", seq, wrapped.ContentType, diff)
		}
	}
	if s.job.Actions["a"].Env["PASSWORD"] != "s3cret-value" {
		t.Error("the job itself was changed")
	}
}

// What is told can be read as a job file, of which only kog's own keys are unknown.
func TestBodyIsAJob(t *testing.T) {
	s := newStory(t)
	rec, err := FormatJob.record(subject{kind: StepStart, job: s.job, event: s.events[4], state: s.states[4]})
	if err != nil {
		t.Fatal(err)
	}
	j, err := job.Parse("body.json", rec.Body)
	if err != nil || j.Start() != (job.Cursor{Workflow: "run", Step: "last"}) {
		t.Errorf("job %+v, %v", j, err)
	}
}

func TestWords(t *testing.T) {
	if kinds, err := ParseKinds("step-start, job-end"); err != nil || len(kinds) != 2 || kinds[1] != JobEnd {
		t.Errorf("%v, %v", kinds, err)
	}
	for _, list := range []string{"", "step-start,", "steps"} {
		if _, err := ParseKinds(list); err == nil || !strings.Contains(err.Error(), "want step-start") {
			t.Errorf("%q: %v", list, err)
		}
	}
	if f, err := ParseFormat("cloudevents"); err != nil || f != FormatCloudEvents {
		t.Errorf("%v, %v", f, err)
	}
	if _, err := ParseFormat("xml"); err == nil {
		t.Error("format xml accepted")
	}
}
