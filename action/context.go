// Package action is what kog and the containers it runs say to each other: how
// the context gets in, and how the result line comes out.
//
// Programs that run as actions may import it too.
package action

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// Stamp holds kog's own keys of the context. They are set anew before every
// step and taken out of what a step returns.
type Stamp struct {
	CorrelationID string
	RunID         string
	TaskName      string
	Workflow      string
	StepName      string
	ActionName    string
	// Logging is how the run logs, so that containers can do likewise.
	Logging Logging
	// StepResults are earlier results of the run, oldest first.
	StepResults []StepResult
}

// Logging is the value of the key "logging".
type Logging struct {
	Formatter        string `json:"formatter"`
	RemoteLogger     string `json:"remote_logger"`
	RemoteLoggerAddr string `json:"remote_logger_addr"`
}

// StepResult is one element of "step_results".
type StepResult struct {
	Workflow   string      `json:"workflow"`
	StepName   string      `json:"step_name"`
	ActionName string      `json:"action_name"`
	Result     job.Outcome `json:"result"`
	RC         int         `json:"rc"`
	Message    string      `json:"message"`
}

// ownKeys are the keys that kog sets.
var ownKeys = slices.Collect(maps.Keys(Stamp{}.values()))

// maxResultMessage is how many bytes of an earlier step's message a later step
// gets to see.
const maxResultMessage = 512

// Strip returns v without kog's own keys. It never returns nil.
func Strip(v job.Values) job.Values {
	out := maps.Clone(v)
	if out == nil {
		return job.Values{}
	}
	for _, key := range ownKeys {
		delete(out, key)
	}
	return out
}

// Document gives the JSON that a step gets as its context: the values with
// kog's own keys laid over them. Earlier results never push a context past
// what fits into the environment: the oldest are left out where that helps.
func Document(v job.Values, s Stamp) ([]byte, error) {
	results := make([]StepResult, len(s.StepResults))
	for i, r := range s.StepResults {
		r.Message = Shorten(r.Message, maxResultMessage)
		results[i] = r
	}
	s.StepResults = results
	doc, err := s.document(v)
	for err == nil && len(doc) > MaxEnvDocument && len(s.StepResults) > 0 {
		s.StepResults = s.StepResults[(len(s.StepResults)+1)/2:]
		shorter, err := s.document(v)
		switch {
		case err != nil:
			return nil, err
		case len(shorter) <= MaxEnvDocument:
			return shorter, nil
		}
	}
	return doc, err
}

func (s Stamp) document(v job.Values) ([]byte, error) {
	stamped := Strip(v)
	maps.Copy(stamped, s.values())
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(stamped); err != nil {
		return nil, fmt.Errorf("encode context: %w", err)
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}

// values are kog's own keys with their values.
func (s Stamp) values() job.Values {
	return job.Values{
		"correlation_id": s.CorrelationID,
		"run_id":         s.RunID,
		"task_name":      s.TaskName,
		"workflow":       s.Workflow,
		"step_name":      s.StepName,
		"action_name":    s.ActionName,
		"logging":        s.Logging,
		"step_results":   s.StepResults,
	}
}
