// Package kog executes jobs: documents whose workflows are state machines and
// whose steps run containers.
//
//	j, err := job.Parse("job.yaml", data)
//	...
//	r := &kog.Runner{Executor: exec, StateDir: dir}
//	result, err := r.Run(ctx, kog.Request{Job: j})
//
// Every decision of a run is on disk before it is acted on. Whatever kills the
// process, Resume goes on from there.
package kog

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/internal/engine"
	"gitlab.com/f5-pwe/kog/v3/internal/journal"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// Errors on which callers branch.
var (
	// ErrRunExists: there is a run with the requested ID already.
	ErrRunExists = journal.ErrExists
	// ErrRunNotFound: there is no run with that ID.
	ErrRunNotFound = journal.ErrNotFound
	// ErrRunLocked: another process drives that run.
	ErrRunLocked = journal.ErrLocked
)

// Sink hears every event of a run, one at a time and in order. It should
// return soon: the run waits for it.
type Sink interface {
	Handle(ctx context.Context, e event.Event, after event.State)
}

// Output gives the writers for the output of one attempt of a step. It may be
// called again for an attempt, whose output then comes again from its
// beginning. What it returns is closed at the end of the output.
type Output interface {
	Open(run string, step event.OpenStep) (stdout, stderr io.WriteCloser, err error)
}

// Runner executes runs. Executor is required; the zero value of every other
// field is usable. A Runner may drive several runs at once, unless they share
// an Interrupt channel.
type Runner struct {
	Executor executor.Executor
	// StateDir holds the runs, in its folder "runs". Default: DefaultStateDir.
	StateDir string
	// BaseEnv lies under the env of every action, Env over it. Values are
	// secret: they go to containers only.
	BaseEnv map[string]string
	Env     map[string]string
	// Secrets are masked in everything that a run writes and shows: names of
	// variables with their values. A name stands for the values that BaseEnv,
	// Env and the actions' own env give it too, so the value may be empty. In
	// these, names that look secret need no mention: docs/masking.md lists
	// them. Containers get everything unmasked. A run that is resumed needs the
	// values again that were masked in its context.
	Secrets map[string]string
	// Volumes are mounted into every step.
	Volumes []executor.Volume
	// Network is "", which is the executor's default, "host", "none", the name
	// of a network, or "run": one network for all containers of a run. An action
	// may have another one.
	Network string
	// Workspace is the size in bytes of a volume that the steps of a run share at
	// /workspace. It is made for the run and goes with it. 0: there is none.
	Workspace int64
	Pull      executor.PullPolicy
	// MaxSteps is how many steps a run may visit before it fails. Default 1000.
	MaxSteps int
	// StartTimeout limits pulling, creating and starting a container. Default 15 minutes.
	StartTimeout time.Duration
	// Grace is how long a container may take to end after SIGTERM before it is
	// killed. Default 10 seconds; negative kills at once.
	Grace time.Duration
	// LogFormatter is told to containers: "logfmt" (default) or "json".
	LogFormatter string
	// RemoteLogger ("syslog") and RemoteLoggerAddr are told to containers, so
	// that they can log there too. Default: "", there is none. The Runner itself
	// sends nothing.
	RemoteLogger     string
	RemoteLoggerAddr string
	Sink             Sink
	// Notifiers tell others what happens. Default: nobody is told.
	Notifiers Notifiers
	// Output gets the output of the containers, besides the log files in the
	// run's folder.
	Output Output
	// Interrupt: each value received ends the open step, or the next one, with
	// outcome abort, and the run goes on along its abort edge.
	Interrupt <-chan struct{}
	// Logger hears what is not part of a run. Default: nothing.
	Logger *slog.Logger
	// Version is written into the journal.
	Version string
}

// Request is one run to execute.
type Request struct {
	Job *job.Job
	// Document and Source are the bytes that Job was parsed from and where they
	// came from. Default: Job printed as JSON.
	Document []byte
	Source   string
	// Context is laid over the job's own context, object by object.
	Context job.Values
	// Start is where the run begins. Default: Job.Start.
	Start job.Cursor
	// RunID names the run; letters, digits and dashes, at most 40. Default: generated.
	RunID string
	// CorrelationID ties runs together. Default: that of the context, then that
	// of the job, then generated.
	CorrelationID string
}

// Result is the end of a run.
type Result struct {
	CorrelationID string      `json:"correlation_id"`
	TaskName      string      `json:"task_name"`
	Status        job.Outcome `json:"status"`
	Message       string      `json:"message"`
	// NotifyStatus is "" without Notifiers, else "ok" or "failed"; NotifyMessage
	// says what is missing and what the last trouble was.
	NotifyStatus  string `json:"notify_status"`
	NotifyMessage string `json:"notify_message"`
	RunID         string `json:"run_id"`
}

// Defaults of a Runner.
const (
	DefaultMaxSteps     = engine.DefaultMaxSteps
	DefaultStartTimeout = engine.DefaultStartTimeout
	DefaultGrace        = engine.DefaultGrace
)

// DefaultStateDir is where kog keeps runs and images: $XDG_STATE_HOME/kog, by
// default ~/.local/state/kog; %LocalAppData%\kog on Windows.
// Source of the rule: XDG Base Directory Specification.
func DefaultStateDir() string {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "kog")
	}
	if runtime.GOOS == "windows" {
		if dir, err := os.UserCacheDir(); err == nil {
			return filepath.Join(dir, "kog")
		}
	}
	if home, err := os.UserHomeDir(); err == nil && home != "" {
		return filepath.Join(home, ".local", "state", "kog")
	}
	return filepath.Join(os.TempDir(), "kog")
}
