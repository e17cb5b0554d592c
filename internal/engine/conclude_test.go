package engine

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/job"
)

func TestConclude(t *testing.T) {
	began := time.Unix(1000, 0)
	open := event.OpenStep{StepStarting: event.StepStarting{Attempt: 3, At: at("a"), Duration: time.Minute}, StartedAt: began}
	stopping := func(o job.Outcome, keep bool, when time.Duration) event.OpenStep {
		s := open
		s.Stopping = &event.StepStopping{Attempt: 3, Outcome: o, RC: 99, Reason: "because", KeepResult: keep}
		s.StoppingAt = began.Add(when)
		return s
	}
	ended0 := func(code int, after time.Duration) ended {
		return ended{exit: executor.Exit{Code: code, FinishedAt: began.Add(after)}}
	}
	const good = `KOG:{"result":"success","message":"fine","context":{"a":1,"run_id":"x"}}`
	gone := ended{err: fmt.Errorf("wait: %w", executor.ErrNotFound)}
	type want struct {
		outcome job.Outcome
		rc      int
		message string
		warned  bool
	}
	for name, tc := range map[string]struct {
		open   event.OpenStep
		end    ended
		output string
		want   want
	}{
		"result":                        {open, ended0(0, time.Second), good, want{job.Success, 0, "fine", false}},
		"result against the code":       {open, ended0(3, time.Second), good, want{job.Success, 0, "fine", true}},
		"failure with code 0":           {open, ended0(0, time.Second), `KOG:{"result":"abort","rc":15}`, want{job.Abort, 15, "", false}},
		"no result, code 0":             {open, ended0(0, time.Second), "hello", want{job.Failure, 1, "action printed no KOG: result (exit code 0)", false}},
		"no result, code 7":             {open, ended0(7, time.Second), "", want{job.Failure, 7, "action printed no KOG: result (exit code 7)", false}},
		"out of memory":                 {open, ended{exit: executor.Exit{Code: 137, OOMKilled: true, Signal: "SIGKILL"}}, "", want{job.Failure, 137, "action printed no KOG: result (out of memory, exit code 137)", false}},
		"signal":                        {open, ended{exit: executor.Exit{Code: 139, Signal: "SIGSEGV"}}, "", want{job.Failure, 139, "action printed no KOG: result (killed by SIGSEGV, exit code 139)", false}},
		"evicted":                       {open, ended{exit: executor.Exit{Code: 137, Reason: "Evicted"}}, "", want{job.Failure, 137, "action printed no KOG: result (Evicted, exit code 137)", false}},
		"bad result":                    {open, ended0(0, time.Second), "KOG:{}", want{job.Failure, 1, `bad KOG: result line "KOG:{}": result: missing (exit code 0)`, false}},
		"gone":                          {open, gone, good, want{job.Abort, 125, "the container is gone, its result is unknown", false}},
		"lost":                          {open, ended{err: errors.New("daemon ate it")}, good, want{job.Abort, 125, "the container was lost, its result is unknown: daemon ate it", false}},
		"timeout":                       {stopping(job.Timeout, false, time.Minute), ended0(137, 61*time.Second), good, want{job.Timeout, 99, "because", false}},
		"timeout, result before":        {stopping(job.Timeout, true, time.Minute), ended0(137, 61*time.Second), good, want{job.Success, 0, "fine", true}},
		"timeout, ended in time":        {stopping(job.Timeout, false, time.Hour), ended0(0, 59*time.Second), good, want{job.Success, 0, "fine", false}},
		"timeout, ended too late":       {stopping(job.Timeout, false, time.Hour), ended0(0, 61*time.Second), good, want{job.Timeout, 99, "because", false}},
		"timeout, end not dated":        {stopping(job.Timeout, false, time.Minute), ended{}, good, want{job.Timeout, 99, "because", false}},
		"timeout and gone":              {stopping(job.Timeout, false, time.Minute), gone, "", want{job.Timeout, 99, "because", false}},
		"interrupt":                     {stopping(job.Abort, false, time.Second), ended0(143, 2*time.Second), good, want{job.Abort, 99, "because", false}},
		"interrupt after its end":       {stopping(job.Abort, false, 3*time.Second), ended0(0, 2*time.Second), good, want{job.Success, 0, "fine", false}},
		"kept result, container gone":   {stopping(job.Timeout, true, time.Minute), gone, good, want{job.Abort, 125, "the container is gone, its result is unknown", false}},
		"remediate keeps its own words": {open, ended0(0, 0), `KOG:{"result":"remediatefailure","rc":4,"message":"m"}`, want{job.Failure, 4, "m", false}},
	} {
		t.Run(name, func(t *testing.T) {
			var output action.Scanner
			_, _ = output.Write([]byte(tc.output))
			fin := conclude(tc.open, tc.end, &output)
			got := want{fin.Outcome, fin.RC, fin.Message, len(fin.Warnings) > 0}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if fin.Attempt != 3 || fin.At != at("a") || fin.Clean {
				t.Errorf("frame: %+v", fin)
			}
			if fin.Message == "fine" {
				if _, own := (*fin.Context)["run_id"]; own || len(*fin.Context) != 1 {
					t.Errorf("context %v", *fin.Context)
				}
			}
		})
	}
}

func TestEnvironmentOrderAndRequirements(t *testing.T) {
	act := &job.Action{Env: map[string]string{"A": "action", "B": "action"}}
	env := environment(map[string]string{"A": "base", "C": "base"}, act, map[string]string{"B": "over"})
	if diff := cmp.Diff(map[string]string{"A": "action", "B": "over", "C": "base"}, env); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got := unmet(
		job.Requirements{Env: []string{"A", "X", "KOG_CONTEXT"}, ContextPaths: []string{"p.0.q", "p.1", "none"}},
		env, job.Values{"p": []any{map[string]any{"q": nil}}, "s": "x"},
	)
	if diff := cmp.Diff([]string{"environment variable X", "context path p.1", "context path none"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
