package view

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// JSON shows a run as its events, one object a line, in the form of the
// journal. Output of containers comes as objects of the kind "step_output"
// with attempt, at, stream and line.
type JSON struct {
	mu sync.Mutex
	w  io.Writer
}

// NewJSON shows a run on a writer. What cannot be written is lost.
func NewJSON(w io.Writer) *JSON { return &JSON{w: w} }

// Handle writes one event.
func (v *JSON) Handle(_ context.Context, e event.Event, _ event.State) {
	if line, err := event.Encode(e); err == nil {
		v.write(line)
	}
}

func (v *JSON) write(line []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, _ = v.w.Write(line)
}

// output is the JSON form of a line of output.
type output struct {
	Time time.Time  `json:"time"`
	Run  string     `json:"run"`
	Kind string     `json:"kind"`
	V    int        `json:"v"`
	Data outputLine `json:"data"`
}

type outputLine struct {
	Attempt int        `json:"attempt"`
	At      job.Cursor `json:"at"`
	Stream  string     `json:"stream"`
	Line    string     `json:"line"`
}

// Open gives writers that write the output line by line.
func (v *JSON) Open(run string, open event.OpenStep) (stdout, stderr io.WriteCloser, err error) {
	stream := func(name string) io.WriteCloser {
		return &lineWriter{emit: func(line string) {
			var buf bytes.Buffer
			enc := json.NewEncoder(&buf)
			enc.SetEscapeHTML(false)
			o := output{Time: time.Now().UTC(), Run: run, Kind: "step_output", V: 1, Data: outputLine{
				Attempt: open.Attempt, At: open.At, Stream: name, Line: line,
			}}
			if enc.Encode(o) == nil {
				v.write(buf.Bytes())
			}
		}}
	}
	return stream("stdout"), stream("stderr"), nil
}
