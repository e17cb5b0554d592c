package engine

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// ended is how watching a container ended.
type ended struct {
	exit executor.Exit
	err  error
	// lost tells which part of the output is lost, nil if none is.
	lost error
	// warnings are troubles on the way, such as output that could not be kept.
	warnings []string
}

// notRun is the end of a step whose container was never made.
func notRun(open event.OpenStep, rc int, message string) event.StepFinished {
	return event.StepFinished{
		Attempt: open.Attempt, At: open.At, Outcome: job.Abort, RC: rc, Message: message, Clean: true,
	}
}

// stopped is the end of a step as it was decided when it was stopped.
func stopped(open event.OpenStep) event.StepFinished {
	return event.StepFinished{
		Attempt: open.Attempt, At: open.At,
		Outcome: open.Stopping.Outcome, RC: open.Stopping.RC, Message: open.Stopping.Reason,
	}
}

// conclude turns the end of a container into the end of its step. It is pure.
// output is nil when the container's output could not be read.
func conclude(open event.OpenStep, end ended, output *action.Scanner) event.StepFinished {
	fin := event.StepFinished{Attempt: open.Attempt, At: open.At, Warnings: end.warnings}
	if end.err == nil {
		code := end.exit.Code
		fin.ExitCode = &code
	}
	switch {
	case open.Stopping != nil && !endedBefore(open, end) && !open.Stopping.KeepResult:
		fin.Outcome, fin.RC, fin.Message = open.Stopping.Outcome, open.Stopping.RC, open.Stopping.Reason
	case errors.Is(end.err, executor.ErrNotFound):
		fin.Outcome, fin.RC = job.Abort, rcNotRun
		fin.Message = "the container is gone, its result is unknown"
	case end.err != nil:
		fin.Outcome, fin.RC = job.Abort, rcNotRun
		fin.Message = fmt.Sprintf("the container was lost, its result is unknown: %v", end.err)
	default:
		fromOutput(&fin, end, output)
	}
	if end.lost != nil {
		fin.Warnings = append(fin.Warnings, fmt.Sprintf("the log is not complete: %v", end.lost))
	}
	return fin
}

// endedBefore reports whether the container ended by itself before the moment
// from which its end counts as stopped: its deadline, or the decision to stop
// it. That matters when kog was away at that moment.
func endedBefore(open event.OpenStep, end ended) bool {
	if end.err != nil || end.exit.FinishedAt.IsZero() {
		return false
	}
	return end.exit.FinishedAt.Before(stopMoment(open))
}

func stopMoment(open event.OpenStep) time.Time {
	if open.Stopping.Outcome == job.Timeout {
		return open.StartedAt.Add(open.Duration)
	}
	return open.StoppingAt
}

// fromOutput takes the result that the container printed.
func fromOutput(fin *event.StepFinished, end ended, output *action.Scanner) {
	exit := end.exit
	res, err := output.Result()
	switch {
	case errors.Is(err, action.ErrNoResult) && end.lost != nil:
		fin.Outcome, fin.RC = job.Abort, rcNotRun
		fin.Message = fmt.Sprintf("the result is unknown: %v", end.lost)
		return
	case errors.Is(err, action.ErrNoResult):
		fin.Outcome, fin.RC = job.Failure, cmp.Or(exit.Code, 1)
		fin.Message = fmt.Sprintf("action printed no KOG: result (%s)", describe(exit))
		return
	case err != nil:
		fin.Outcome, fin.RC = job.Failure, cmp.Or(exit.Code, 1)
		fin.Message = fmt.Sprintf("%v (%s)", err, describe(exit))
		return
	}
	fin.Outcome, fin.RC, fin.Message, fin.Remediate = res.Outcome, res.RC, res.Message, res.Remediate
	if res.Context != nil {
		v := action.Strip(res.Context)
		fin.Context = &v
	}
	if res.Outcome == job.Success && exit.Code != 0 {
		fin.Warnings = append(fin.Warnings, fmt.Sprintf("the result says success, but the container ended otherwise (%s)", describe(exit)))
	}
}

// describe names the end of a container: out of memory, eviction, signal or code.
func describe(exit executor.Exit) string {
	switch {
	case exit.OOMKilled:
		return fmt.Sprintf("out of memory, exit code %d", exit.Code)
	case exit.Reason != "":
		return fmt.Sprintf("%s, exit code %d", exit.Reason, exit.Code)
	case exit.Signal != "":
		return fmt.Sprintf("killed by %s, exit code %d", exit.Signal, exit.Code)
	}
	return fmt.Sprintf("exit code %d", exit.Code)
}
