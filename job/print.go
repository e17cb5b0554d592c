package job

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// MarshalJSON writes a job in the form of a job file, which Parse reads back
// to an equal job. The places and the warnings are not in it.
func (j *Job) MarshalJSON() ([]byte, error) {
	type file Job
	f := file(*j)
	if f.Workflows == nil {
		f.Workflows = map[string]*Workflow{}
	}
	if f.Actions == nil {
		f.Actions = map[string]*Action{}
	}
	if f.Context == nil {
		f.Context = Values{}
	}
	return json.Marshal(f)
}

// MarshalJSON writes a workflow as the object of its steps, in their Order;
// steps that are not in it follow by name.
func (w *Workflow) MarshalJSON() ([]byte, error) {
	order := make([]string, 0, len(w.Steps))
	printed := make(map[string]bool, len(w.Steps))
	for _, name := range slices.Concat(w.Order, keys(w.Steps)) {
		if w.Steps[name] != nil && !printed[name] {
			printed[name] = true
			order = append(order, name)
		}
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for i, name := range order {
		if i > 0 {
			out.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, fmt.Errorf("print step %q: %w", name, err)
		}
		step, err := json.Marshal(w.Steps[name])
		if err != nil {
			return nil, fmt.Errorf("print step %q: %w", name, err)
		}
		out.Write(key)
		out.WriteByte(':')
		out.Write(step)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// MarshalJSON writes a step as it stands in a job file.
func (s *Step) MarshalJSON() ([]byte, error) {
	file := struct {
		Action   string `json:"action"`
		Success  string `json:"success,omitempty"`
		Failure  string `json:"failure,omitempty"`
		Abort    string `json:"abort,omitempty"`
		Timeout  string `json:"timeout,omitempty"`
		Duration string `json:"duration,omitempty"`
	}{
		Action:  s.Action,
		Success: s.Next[Success], Failure: s.Next[Failure], Abort: s.Next[Abort], Timeout: s.Next[Timeout],
	}
	if s.Duration > 0 {
		file.Duration = FormatDuration(s.Duration)
	}
	return json.Marshal(file)
}
