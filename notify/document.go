package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// statusRunning is the status of a job that has not ended.
const statusRunning = "running"

// subject is what a notification is about.
type subject struct {
	kind  Kind
	job   *job.Job // without secrets
	event event.Event
	state event.State // after the event
}

// document is the job as it stands.
type document struct {
	fields
	Status       string  `json:"status"`
	Message      string  `json:"message,omitempty"`
	Notification details `json:"notification"`
}

// fields are those of a job file.
type fields job.Job

// details say what the notification is and what it is about, besides the job.
type details struct {
	ID      string    `json:"id"`
	Type    Kind      `json:"type"`
	Time    time.Time `json:"time"`
	RunID   string    `json:"run_id"`
	Attempt int       `json:"attempt,omitempty"`
	Action  string    `json:"action,omitempty"`
	// Result is how the step ended.
	Result *result `json:"result,omitempty"`
}

type result struct {
	Outcome job.Outcome `json:"result"`
	RC      int         `json:"rc"`
	Message string      `json:"message"`
}

// cloudEvent has the attributes of an event.
// Source of the rule: CloudEvents 1.0.2, "Context Attributes", and its JSON
// event format.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject,omitempty"`
	Time            time.Time       `json:"time"`
	CorrelationID   string          `json:"correlationid,omitempty"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
}

// withoutSecrets leaves out the environment of the actions.
func withoutSecrets(j *job.Job) *job.Job {
	out := *j
	out.Actions = make(map[string]*job.Action, len(j.Actions))
	for name, a := range j.Actions {
		bare := *a
		bare.Env = nil
		out.Actions[name] = &bare
	}
	return &out
}

// record makes what goes into the spool.
func (f Format) record(s subject) (record, error) {
	rec := record{
		Seq: s.event.Seq, ID: fmt.Sprintf("%s-%d", s.event.Run, s.event.Seq),
		ContentType: "application/json",
	}
	doc := s.document(rec.ID)
	var err error
	if rec.Body, err = encode(doc); err != nil {
		return rec, fmt.Errorf("encode notification %s: %w", rec.ID, err)
	}
	if f != FormatCloudEvents {
		return rec, nil
	}
	rec.ContentType = "application/cloudevents+json"
	envelope := cloudEvent{
		SpecVersion: "1.0", ID: rec.ID, Source: "/kog/runs/" + s.event.Run,
		Type: "io.kog." + string(s.kind), Time: s.event.Time, CorrelationID: doc.CorrelationID,
		DataContentType: "application/json", Data: rec.Body,
	}
	if s.kind != JobEnd {
		envelope.Subject = s.cursor().String()
	}
	if rec.Body, err = encode(envelope); err != nil {
		return rec, fmt.Errorf("encode notification %s: %w", rec.ID, err)
	}
	return rec, nil
}

func (s subject) document(id string) document {
	at := s.cursor()
	d := document{
		fields: fields(*s.job), Status: statusRunning,
		Notification: details{ID: id, Type: s.kind, Time: s.event.Time, RunID: s.event.Run},
	}
	d.CurrentWorkflow, d.CurrentStep = at.Workflow, at.Step
	d.CorrelationID, d.Context = s.state.Started.CorrelationID, s.state.Values
	if d.Context == nil {
		d.Context = job.Values{}
	}
	switch p := s.event.Payload.(type) {
	case event.StepStarting:
		d.Notification.Attempt, d.Notification.Action = p.Attempt, p.Action
	case event.StepFinished:
		d.Notification.Attempt, d.Notification.Action = p.Attempt, s.state.Last.Action
		d.Notification.Result = &result{Outcome: p.Outcome, RC: p.RC, Message: p.Message}
	case event.RunFinished:
		d.Status, d.Message = string(p.Status), p.Message
	}
	return d
}

// cursor is the step that the run is in, or was in last.
func (s subject) cursor() job.Cursor {
	switch {
	case s.state.Open != nil:
		return s.state.Open.At
	case s.state.Last != nil:
		return s.state.Last.At
	}
	return s.state.Started.Start
}

// encode gives one line without its end.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
