package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// wire is the JSON form of an event: one object, one line.
type wire struct {
	Seq  uint64          `json:"seq,omitempty"`
	Time time.Time       `json:"time"`
	Run  string          `json:"run"`
	Kind string          `json:"kind"`
	V    int             `json:"v"`
	Data json.RawMessage `json:"data"`
}

// decoders has one entry for every kind and version that was ever written. A
// new version of a payload adds an entry that turns the old form into the new
// one; entries are never removed.
var decoders = map[string]map[int]func([]byte) (Payload, error){
	RunStarted{}.Kind():   {1: decode[RunStarted]},
	RunResumed{}.Kind():   {1: decode[RunResumed]},
	StepStarting{}.Kind(): {1: decode[StepStarting]},
	StepStarted{}.Kind():  {1: decode[StepStarted]},
	StepStopping{}.Kind(): {1: decode[StepStopping]},
	StepFinished{}.Kind(): {1: decode[StepFinished]},
	StepRemoved{}.Kind():  {1: decode[StepRemoved]},
	RunFinished{}.Kind():  {1: decode[RunFinished]},
	StepProgress{}.Kind(): {1: decode[StepProgress]},
}

// ErrTooNew means that an event was written by a later version of kog.
var ErrTooNew = errors.New("written by a newer kog")

// Encode gives the event as one line of JSON with its final newline. HTML
// characters are not escaped.
func Encode(e Event) ([]byte, error) {
	data, err := marshal(e.Payload)
	if err != nil {
		return nil, fmt.Errorf("encode event %d (%s): %w", e.Seq, e.Payload.Kind(), err)
	}
	line, err := marshal(wire{
		Seq: e.Seq, Time: e.Time, Run: e.Run,
		Kind: e.Payload.Kind(), V: e.Payload.Version(), Data: bytes.TrimRight(data, "\n"),
	})
	if err != nil {
		return nil, fmt.Errorf("encode event %d (%s): %w", e.Seq, e.Payload.Kind(), err)
	}
	return line, nil
}

// Decode reads one line that Encode wrote, also one of an older version. A
// kind or version that this program does not know is ErrTooNew.
func Decode(line []byte) (Event, error) {
	var w wire
	if err := json.Unmarshal(line, &w); err != nil {
		return Event{}, fmt.Errorf("decode event: %w", err)
	}
	dec, ok := decoders[w.Kind][w.V]
	if !ok {
		return Event{}, fmt.Errorf("decode event %d: kind %q version %d: %w", w.Seq, w.Kind, w.V, ErrTooNew)
	}
	p, err := dec(w.Data)
	if err != nil {
		return Event{}, fmt.Errorf("decode event %d (%s): %w", w.Seq, w.Kind, err)
	}
	return Event{Seq: w.Seq, Time: w.Time, Run: w.Run, Payload: p}, nil
}

func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func decode[P Payload](data []byte) (Payload, error) {
	var p P
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&p); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return p, nil
}
