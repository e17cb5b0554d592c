package event

import (
	"encoding/json"
	"time"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// RunStarted is the first event of every run. The job document itself is kept
// beside the journal.
type RunStarted struct {
	Task          string `json:"task_name"`
	CorrelationID string `json:"correlation_id"`
	// JobSHA256 is the digest of the job document's bytes, hexadecimal.
	JobSHA256 string `json:"job_sha256,omitempty"`
	// JobSource is where the document came from, without credentials.
	JobSource string     `json:"job_source,omitempty"`
	Start     job.Cursor `json:"start"`
	// Context is the initial context, the job's own with --context laid over it.
	Context  job.Values `json:"context"`
	Executor string     `json:"executor"`
	Options  Options    `json:"options"`
	// KogVersion is the version of the program that started the run.
	KogVersion string `json:"kog_version,omitempty"`
	// RemediationOf is the earlier run whose remediate workflow this run is.
	RemediationOf string `json:"remediation_of,omitempty"`
}

// Options are the settings that a resumed run takes over. Environment values
// are not among them: only names are ever written.
type Options struct {
	MaxSteps     int           `json:"max_steps"`
	StartTimeout time.Duration `json:"start_timeout"` // nanoseconds
	Grace        time.Duration `json:"grace"`         // nanoseconds
	Pull         string        `json:"pull,omitempty"`
	Volumes      []string      `json:"volumes,omitempty"`
	Network      string        `json:"network,omitempty"`
	// Workspace is the size in bytes of the volume that the run has for itself,
	// 0 when it has none.
	Workspace int64 `json:"workspace,omitempty"`
	// EnvNames are the variables given from outside the job file, sorted.
	EnvNames []string `json:"env_names,omitempty"`
	// MaskNames are the variables whose values are masked because somebody
	// said so, sorted.
	MaskNames []string `json:"mask_names,omitempty"`
}

// RunResumed says that another process took the run over.
type RunResumed struct {
	KogVersion string `json:"kog_version,omitempty"`
}

// StepStarting is the decision to run a step. It is written before anything
// is done about it.
type StepStarting struct {
	// Attempt counts the visits of steps in this run from 1.
	Attempt int        `json:"attempt"`
	At      job.Cursor `json:"at"`
	Action  string     `json:"action"`
	// Image is the reference as the job has it, empty for an undefined action.
	Image string `json:"image,omitempty"`
	// ContainerID is the ID under which the container is started.
	ContainerID string        `json:"container_id"`
	Duration    time.Duration `json:"duration,omitempty"` // nanoseconds, 0 for no limit
}

// StepStarted says that the container runs.
type StepStarted struct {
	Attempt int `json:"attempt"`
	// Handle is the executor's durable handle, opaque here.
	Handle json.RawMessage `json:"handle"`
	// Image and Pinned are the reference in the job and what it stood for.
	Image  string `json:"image,omitempty"`
	Pinned string `json:"pinned,omitempty"`
}

// StepStopping is the decision to end a running step with an outcome that the
// container did not choose: a time-out or an interrupt. It is written before
// the container is touched.
type StepStopping struct {
	Attempt int         `json:"attempt"`
	Outcome job.Outcome `json:"outcome"`
	RC      int         `json:"rc"`
	Reason  string      `json:"reason"`
	// KeepResult: the container had printed a usable result by then, which
	// counts in place of Outcome.
	KeepResult bool `json:"keep_result,omitempty"`
}

// StepFinished is the end of a visit of a step.
type StepFinished struct {
	Attempt int         `json:"attempt"`
	At      job.Cursor  `json:"at"`
	Outcome job.Outcome `json:"outcome"`
	RC      int         `json:"rc"`
	Message string      `json:"message"`
	// Remediate: the step asked for the remediate workflow.
	Remediate bool `json:"remediate,omitempty"`
	// Context replaces the run's context; nil leaves it. kog's own keys are
	// not in it.
	Context *job.Values `json:"context,omitempty"`
	// ExitCode is the container's, nil when no container ended.
	ExitCode *int `json:"exit_code,omitempty"`
	// Clean: no container was made, so none has to be removed.
	Clean bool `json:"clean,omitempty"`
	// Warnings are oddities that did not change the outcome.
	Warnings []string `json:"warnings,omitempty"`
}

// StepRemoved says that the container of an attempt is gone, or that removing
// it failed. It never changes an outcome.
type StepRemoved struct {
	Attempt int    `json:"attempt"`
	Error   string `json:"error,omitempty"`
}

// RunFinished is the last event of a run.
type RunFinished struct {
	Status  job.Outcome `json:"status"`
	Message string      `json:"message"`
	// Steps is the number of visits of steps.
	Steps int `json:"steps"`
}

// StepProgress tells what a step is waiting for. It goes to sinks only and is
// never written to a journal; it has no sequence number.
type StepProgress struct {
	Attempt int        `json:"attempt"`
	At      job.Cursor `json:"at"`
	Message string     `json:"message"`
	Warning bool       `json:"warning,omitempty"`
	Done    int64      `json:"done,omitempty"`
	Total   int64      `json:"total,omitempty"`
}

// Kind and Version of every payload.

func (RunStarted) Kind() string   { return "run_started" }
func (RunResumed) Kind() string   { return "run_resumed" }
func (StepStarting) Kind() string { return "step_starting" }
func (StepStarted) Kind() string  { return "step_started" }
func (StepStopping) Kind() string { return "step_stopping" }
func (StepFinished) Kind() string { return "step_finished" }
func (StepRemoved) Kind() string  { return "step_removed" }
func (RunFinished) Kind() string  { return "run_finished" }
func (StepProgress) Kind() string { return "step_progress" }

func (RunStarted) Version() int   { return 1 }
func (RunResumed) Version() int   { return 1 }
func (StepStarting) Version() int { return 1 }
func (StepStarted) Version() int  { return 1 }
func (StepStopping) Version() int { return 1 }
func (StepFinished) Version() int { return 1 }
func (StepRemoved) Version() int  { return 1 }
func (RunFinished) Version() int  { return 1 }
func (StepProgress) Version() int { return 1 }
