// Package job holds what a user writes: a job document with its workflows,
// steps, actions and initial context, and the state machine over them.
//
// The package is pure. It has no clock and does no I/O: Parse turns bytes into
// a Job, Next walks it. Everything that can be wrong in a document is found by
// Parse, at file, line and column.
package job

import (
	"fmt"
	"strings"
	"time"
)

// Names with a meaning of their own.
const (
	// DefaultWorkflow is executed when current_workflow is not given and the
	// job has more than one workflow.
	DefaultWorkflow = "run"
	// DefaultStep is the first step of a workflow unless current_step says otherwise.
	DefaultStep = "start"
	// RemediateWorkflow is where a run goes on after a step asked for remediation.
	RemediateWorkflow = "remediate"
)

// Job is one parsed document. Treat it as immutable: a run may share it
// between goroutines.
type Job struct {
	Name            string               `json:"name"`
	Description     string               `json:"description,omitempty"`
	CurrentWorkflow string               `json:"current_workflow"`
	CurrentStep     string               `json:"current_step"`
	StopOnFailure   bool                 `json:"stop_on_failure"`
	CorrelationID   string               `json:"correlation_id,omitempty"`
	Workflows       map[string]*Workflow `json:"workflows"`
	Actions         map[string]*Action   `json:"actions"`
	Context         Values               `json:"context"`

	// Warnings are the findings that do not keep the job from running: unknown
	// keys and undefined actions, in the order of the file. Strict turns them
	// into an error.
	Warnings []*SyntaxError `json:"-"`

	// src is the document, for findings that are made later; nil for a job that
	// no document was parsed for.
	src *source
}

// Workflow is one state machine: steps by name.
type Workflow struct {
	Name  string
	Steps map[string]*Step
	// Order lists the step names as the file has them.
	Order []string
	Pos   Position
}

// Step is one node of a workflow: the action it runs and where each outcome leads.
type Step struct {
	Name   string
	Action string
	// Next maps an outcome to the next step of the same workflow. An outcome
	// that is not in it ends the workflow.
	Next map[Outcome]string
	// Duration limits the time the container may run, counted from its start.
	// Zero means no limit.
	Duration time.Duration
	// Pos is where the step's name stands in the file; At is where each of its
	// values stands, by key ("action", "success", ..., "duration").
	Pos Position
	At  map[string]Position
}

// Action says which image a step runs, with which settings.
type Action struct {
	Name    string            `json:"-"`
	Image   string            `json:"image"`
	Version string            `json:"version,omitempty"`
	Env     map[string]string `json:"env,omitempty"`
	// Requirements are checked right before a container is made.
	Requirements Requirements `json:"requirements,omitzero"`
	// Output.Context is the context structure that the action adds on success,
	// for static checks only.
	Output Output `json:"output,omitzero"`
	// Settings say how the container is made.
	Settings

	// Pos is where the action's name stands in the file; At is where each of its
	// values stands, by key: "image", "memory", the entries of lists by number
	// ("devices.0"), those of labels by name ("labels.team"), and those of
	// kubernetes by the way there ("kubernetes.tolerations[0].key"). See Place.
	Pos Position            `json:"-"`
	At  map[string]Position `json:"-"`
}

// Requirements name what an action needs before it can run.
type Requirements struct {
	// Env lists environment variables that must be set for the container.
	Env []string `json:"env,omitempty"`
	// ContextPaths lists dotted paths that must exist in the context; a number
	// indexes a list.
	ContextPaths []string `json:"context_paths,omitempty"`
}

// Output describes what an action adds to the context.
type Output struct {
	Context Values `json:"context,omitempty"`
}

// Reference is the image reference to run: image:version, or image@version
// when version is a digest, or the image as written when there is no version.
func (a *Action) Reference() string {
	switch {
	case a.Version == "":
		return a.Image
	case isDigest(a.Version):
		return a.Image + "@" + a.Version
	}
	return a.Image + ":" + a.Version
}

// Place is where a value of the action stands in the file, by its key in At. Of
// what is not there, such as a part that is missing, it is what encloses it.
func (a *Action) Place(key string) Position {
	for key != "" {
		if at, ok := a.At[key]; ok {
			return at
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	return a.Pos
}

// isDigest recognises algorithm:hex as in the OCI image specification,
// "Descriptors, digests".
func isDigest(s string) bool {
	algo, hex, ok := strings.Cut(s, ":")
	if !ok || algo == "" || len(hex) < 32 {
		return false
	}
	return strings.Trim(hex, "0123456789abcdef") == ""
}

// Cursor is a place in a job: a step of a workflow.
type Cursor struct {
	Workflow string `json:"workflow"`
	Step     string `json:"step"`
}

func (c Cursor) String() string { return c.Workflow + "/" + c.Step }

// Start is where the job begins.
func (j *Job) Start() Cursor {
	return Cursor{Workflow: j.CurrentWorkflow, Step: j.CurrentStep}
}

// Step finds the step at a cursor. The error names the nearest existing name.
func (j *Job) Step(at Cursor) (*Step, error) {
	wf, ok := j.Workflows[at.Workflow]
	if !ok {
		return nil, fmt.Errorf("no workflow %q%s", at.Workflow, suggest(at.Workflow, keys(j.Workflows)))
	}
	step, ok := wf.Steps[at.Step]
	if !ok {
		return nil, fmt.Errorf("no step %q in workflow %q%s", at.Step, at.Workflow, suggest(at.Step, keys(wf.Steps)))
	}
	return step, nil
}

// Next is the whole state machine. It says where a run goes after the step at
// a cursor ended with an outcome; ok is false when the workflow ends there.
// With StopOnFailure any outcome but success ends it. The error is a cursor
// that is not in the job, a target that is not in the workflow, or a word that
// is not an outcome.
func (j *Job) Next(at Cursor, o Outcome) (next Cursor, ok bool, err error) {
	step, err := j.Step(at)
	if err != nil {
		return Cursor{}, false, err
	}
	if !o.Valid() {
		return Cursor{}, false, fmt.Errorf("step %s: unknown outcome %q", at, o)
	}
	target := step.Next[o]
	if target == "" || (j.StopOnFailure && o != Success) {
		return Cursor{}, false, nil
	}
	next = Cursor{Workflow: at.Workflow, Step: target}
	if _, err := j.Step(next); err != nil {
		return Cursor{}, false, fmt.Errorf("step %s, outcome %s: %w", at, o, err)
	}
	return next, true, nil
}

// Remediation is where a run goes on when the workflow of a cursor ended after
// a step asked for remediation; ok is false when the job has no remediate
// workflow with a start step, or is in it already.
func (j *Job) Remediation(at Cursor) (next Cursor, ok bool) {
	next = Cursor{Workflow: RemediateWorkflow, Step: DefaultStep}
	if at.Workflow == RemediateWorkflow {
		return Cursor{}, false
	}
	if _, err := j.Step(next); err != nil {
		return Cursor{}, false
	}
	return next, true
}
