package kog_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3"
	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/job"
	"gitlab.com/f5-pwe/kog/v3/notify"
)

// receiver is a notifier that keeps the IDs of what it gets, or refuses all.
type receiver struct {
	got    []string
	refuse bool
}

func (r *receiver) Name() string { return "receiver" }
func (r *receiver) Key() string  { return "receiver" }

func (r *receiver) Notify(_ context.Context, n notify.Notification) error {
	if r.refuse {
		return &notify.RefusedError{Reason: "no thanks"}
	}
	r.got = append(r.got, n.ID)
	return nil
}

func TestNotifiers(t *testing.T) {
	r, _ := newRunner(t)
	var want []string
	r.Sink = sinkFunc(func(e event.Event) {
		if kind := e.Payload.Kind(); kind == "step_starting" || kind == "run_finished" {
			want = append(want, fmt.Sprintf("told-%d", e.Seq))
		}
	})
	to := &receiver{}
	r.Notifiers = notify.New(notify.Options{On: []notify.Kind{notify.StepStart, notify.JobEnd}}, to)
	result, err := r.Run(context.Background(), kog.Request{Job: parse(t), RunID: "told"})
	if err != nil || result.NotifyStatus != "ok" || result.NotifyMessage != "" {
		t.Fatalf("%+v, %v", result, err)
	}
	if len(want) != 3 || fmt.Sprint(to.got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", to.got, want)
	}

	// What a crash took from the spool of a run that has ended is told by the next process.
	if err := os.RemoveAll(filepath.Join(r.StateDir, "runs", "told", "notify")); err != nil {
		t.Fatal(err)
	}
	to.got = nil
	again, err := r.Resume(context.Background(), "told")
	if err != nil || again != result || fmt.Sprint(to.got) != fmt.Sprint(want) {
		t.Errorf("resumed: %+v, %v, got %v", again, err, to.got)
	}
}

func TestNotifiersInARunThatGoesOn(t *testing.T) {
	r, host := newRunner(t)
	to := &receiver{}
	r.Notifiers = notify.New(notify.Options{}, to)
	if _, err := r.Run(context.Background(), kog.Request{Job: parse(t), RunID: "on"}); err != nil {
		t.Fatal(err)
	}
	// The run as it was before its second step, and before anybody was told.
	folder := filepath.Join(r.StateDir, "runs", "on")
	data, err := os.ReadFile(filepath.Join(folder, "events.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	upTo := strings.Index(string(data), `"kind":"step_finished"`)
	upTo += strings.Index(string(data[upTo:]), "\n") + 1
	if err := os.WriteFile(filepath.Join(folder, "events.ndjson"), data[:upTo], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(folder, "notify")); err != nil {
		t.Fatal(err)
	}
	to.got = nil
	result, err := r.Resume(context.Background(), "on")
	if err != nil || result.Status != job.Success || len(to.got) != 2 || to.got[0] != "on-2" {
		t.Errorf("%+v, %v, got %v", result, err, to.got)
	}
	to.refuse = true
	if result, err = r.Run(context.Background(), kog.Request{Job: parse(t), RunID: "off"}); err != nil ||
		result.Status != job.Success || result.NotifyStatus != "failed" ||
		result.NotifyMessage != "notifier 1 (receiver): 2 refused, last trouble: no thanks" {
		t.Errorf("%+v, %v", result, err)
	}
	if left := host.Left(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
