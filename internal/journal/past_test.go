package journal_test

import (
	"errors"
	"io"
	"io/fs"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/internal/journal"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// A run is read as often as one likes, also while another process drives it.
func TestPast(t *testing.T) {
	s, _ := newRun(t, 3)
	r, _, err := s.Open("r")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	out, errs, err := r.Open("r", event.OpenStep{StepStarting: event.StepStarting{Attempt: 1, At: job.Cursor{Workflow: "run", Step: "a/b"}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(out, "said")
	if err := errors.Join(err, out.Close(), errs.Close()); err != nil {
		t.Fatal(err)
	}
	past := s.Past("r")
	for range 2 {
		n := 0
		if err := past.Events(func(event.Event) error { n++; return nil }); err != nil || n != 3 {
			t.Errorf("%d events, %v", n, err)
		}
	}
	log, err := past.OpenLog(1, "a/b", "stdout")
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(log)
	if err := errors.Join(err, log.Close()); err != nil || string(data) != "said" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := past.OpenLog(2, "a/b", "stdout"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a log that is missing: %v", err)
	}
	if err := s.Past("nobody").Events(nil); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a run that is missing: %v", err)
	}
}
