// Package event says what can happen in a run. A run is a journal of events,
// and the state of a run is only ever a fold over them: State.Apply.
//
// Payloads are versioned. A version that was once written can be read for ever;
// see testdata/v1.
package event

import "time"

// Event is one thing that happened, with its envelope.
type Event struct {
	// Seq counts from 1 within a run, without gaps.
	Seq uint64
	// Time is when it was decided, UTC.
	Time time.Time
	// Run is the run's ID.
	Run     string
	Payload Payload
}

// Payload is the part of an event that its kind defines.
type Payload interface {
	// Kind is the lower_snake_case name under which the payload is written.
	Kind() string
	// Version is the version under which it is written, from 1.
	Version() int
}
