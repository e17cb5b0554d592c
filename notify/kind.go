package notify

import (
	"fmt"
	"slices"
	"strings"

	"gitlab.com/f5-pwe/kog/v3/event"
)

// Kind is an occasion for a notification.
type Kind string

// The kinds.
const (
	StepStart Kind = "step-start" // it was decided to visit a step
	StepEnd   Kind = "step-end"   // the visit of a step has ended
	JobEnd    Kind = "job-end"    // the run has ended
)

// ParseKinds reads a list of kinds with commas between them.
func ParseKinds(list string) ([]Kind, error) {
	var kinds []Kind
	for word := range strings.SplitSeq(list, ",") {
		k := Kind(strings.TrimSpace(word))
		if !slices.Contains([]Kind{StepStart, StepEnd, JobEnd}, k) {
			return nil, fmt.Errorf("unknown occasion %q: want %s, %s or %s, with commas between them", word, StepStart, StepEnd, JobEnd)
		}
		kinds = append(kinds, k)
	}
	return kinds, nil
}

// kindOf says what an event is an occasion for, if for anything.
func kindOf(p event.Payload) (Kind, bool) {
	switch p.(type) {
	case event.StepStarting:
		return StepStart, true
	case event.StepFinished:
		return StepEnd, true
	case event.RunFinished:
		return JobEnd, true
	}
	return "", false
}

// Format is the form of a notification's body.
type Format string

// The formats.
const (
	// FormatJob is the job as it stands.
	FormatJob Format = "job"
	// FormatCloudEvents is a CloudEvents 1.0 event in structured JSON, with the
	// job as it stands as its data.
	FormatCloudEvents Format = "cloudevents"
)

// ParseFormat reads the name of a format.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); f == FormatJob || f == FormatCloudEvents {
		return f, nil
	}
	return "", fmt.Errorf("unknown format %q: want %s or %s", name, FormatJob, FormatCloudEvents)
}
