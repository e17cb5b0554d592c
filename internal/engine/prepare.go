package engine

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// Return codes of steps that no container decided.
const (
	rcTimeout     = 124 // as timeout(1)
	rcNotRun      = 125 // the container was not started, or its result is unknown
	rcInterrupted = 130 // as a shell reports SIGINT
)

// environment is the final environment of an action without the image's ENV
// and kog's own variables.
func environment(base map[string]string, act *job.Action, over map[string]string) map[string]string {
	env := make(map[string]string, len(base)+len(act.Env)+len(over))
	maps.Copy(env, base)
	maps.Copy(env, act.Env)
	maps.Copy(env, over)
	return env
}

// unmet lists what an action requires and does not get, ready for a message.
func unmet(req job.Requirements, env map[string]string, values job.Values) []string {
	var missing []string
	for _, name := range req.Env {
		_, ok := env[name]
		if !ok && name != action.EnvContext && name != action.EnvContextFile {
			missing = append(missing, "environment variable "+name)
		}
	}
	for _, path := range req.ContextPaths {
		if _, ok := values.Lookup(path); !ok {
			missing = append(missing, "context path "+path)
		}
	}
	return missing
}

// visit is one visit of a step, as it is known when the step begins. It is a
// value: whoever brings the container up works on it beside the loop.
type visit struct {
	cfg   Config
	state event.State
	// written is the run's first event as the journal has it.
	written event.RunStarted
	open    event.OpenStep
}

func (r *run) visit(open event.OpenStep) visit {
	return visit{cfg: r.cfg, state: r.state, written: r.written.Started, open: open}
}

// Specimen is the spec that a step would be started with, were it the first one
// of a run with that ID and first event. Nothing is asked of an executor, so the
// image is as the job has it.
func Specimen(cfg Config, runID string, opening event.RunStarted, at job.Cursor) (executor.Spec, error) {
	step, err := cfg.Job.Step(at)
	if err != nil {
		return executor.Spec{}, err
	}
	state, err := event.State{}.Apply(event.Event{Seq: 1, Run: runID, Payload: opening})
	if err != nil {
		return executor.Spec{}, err
	}
	v := visit{cfg: cfg, state: state, written: opening}
	v.open.StepStarting = starting(cfg.Job, state, at, step)
	if cfg.Mask != nil {
		masked, err := cfg.Mask(opening)
		if err != nil {
			return executor.Spec{}, err
		}
		v.written, _ = masked.(event.RunStarted)
	}
	return v.spec(executor.Image{Ref: v.open.Image, Pinned: v.open.Image})
}

// refuse says why a step cannot run at all, or "".
func (v visit) refuse() string {
	act, ok := v.cfg.Job.Actions[v.open.Action]
	if !ok {
		return fmt.Sprintf("action %q is not defined", v.open.Action)
	}
	env := environment(v.cfg.BaseEnv, act, v.cfg.Env)
	values := v.state.Values
	if len(act.Requirements.ContextPaths) > 0 {
		doc, err := action.Document(values, v.stamp())
		if err == nil {
			values, err = job.DecodeValues(doc)
		}
		if err != nil {
			return err.Error()
		}
	}
	if missing := unmet(act.Requirements, env, values); len(missing) > 0 {
		return fmt.Sprintf("requirements of action %q are not met: missing %s", v.open.Action, strings.Join(missing, ", "))
	}
	return ""
}

func (v visit) stamp() action.Stamp {
	s := action.Stamp{
		CorrelationID: v.state.Started.CorrelationID,
		RunID:         v.state.RunID,
		TaskName:      v.state.Started.Task,
		Workflow:      v.open.At.Workflow,
		StepName:      v.open.At.Step,
		ActionName:    v.open.Action,
		Logging:       v.cfg.Logging,
		StepResults:   make([]action.StepResult, len(v.state.Results)),
	}
	for i, res := range v.state.Results {
		s.StepResults[i] = action.StepResult{
			Workflow: res.At.Workflow, StepName: res.At.Step, ActionName: res.Action,
			Result: res.Outcome, RC: res.RC, Message: res.Message,
		}
	}
	return s
}

// spec puts together what the executor is to start.
func (v visit) spec(img executor.Image) (executor.Spec, error) {
	doc, err := action.Document(v.state.Values, v.stamp())
	if err != nil {
		return executor.Spec{}, err
	}
	var imageEnv map[string]string
	if img.Config != nil {
		if imageEnv = img.Config.Env; imageEnv == nil {
			imageEnv = map[string]string{}
		}
	}
	delivery, err := action.Deliver(doc, imageEnv)
	if err != nil {
		return executor.Spec{}, err
	}
	act := v.cfg.Job.Actions[v.open.Action]
	env := environment(v.cfg.BaseEnv, act, v.cfg.Env)
	delete(env, action.EnvContext)
	maps.Copy(env, delivery.Env)
	opts := v.state.Started.Options
	spec := executor.Spec{
		ID:      v.open.ContainerID,
		Image:   img.Pinned,
		Env:     env,
		Stdin:   delivery.Stdin,
		Files:   []executor.File{{Path: delivery.Path, Data: doc}},
		Volumes: slices.Clone(v.cfg.Volumes),
		Network: opts.Network,
		Sandbox: executor.Sandbox{ID: SandboxID(v.state.RunID), Labels: runLabels(v.state.RunID, v.written)},
		Labels:  v.labels(),
		Pull:    executor.PullPolicy(opts.Pull),
		Grace:   opts.Grace,
		Limit:   backstop(opts, v.open.Duration),
	}
	if opts.Workspace > 0 {
		spec.Workspace = executor.Workspace{
			ID: WorkspaceID(v.state.RunID), Size: opts.Workspace, Target: WorkspaceTarget,
			Labels: runLabels(v.state.RunID, v.written),
		}
	}
	v.apply(act.Settings, &spec)
	return spec, nil
}

// backstopSlack is how much later than kog an engine ends a step by itself, at
// least.
const backstopSlack = 10 * time.Minute

// backstop is when the engine may end a step for good, counted from before its
// start: later than kog itself, however long the start takes. 0 means never.
func backstop(opts event.Options, duration time.Duration) time.Duration {
	if duration <= 0 {
		return 0
	}
	own := startLimit(opts) + opts.Grace + backstopSlack
	if duration > math.MaxInt64-own {
		return 0
	}
	return duration + own
}

func (v visit) labels() map[string]string {
	labels := runLabels(v.state.RunID, v.written)
	maps.Copy(labels, attemptLabels(v.state.RunID, v.open.Attempt))
	labels[LabelWorkflow] = v.open.At.Workflow
	labels[LabelStep] = v.open.At.Step
	return labels
}

// runLabels are those of all that belongs to a run.
func runLabels(runID string, s event.RunStarted) map[string]string {
	return map[string]string{LabelRun: runID, LabelCorrelation: s.CorrelationID, LabelJob: s.Task}
}

// attemptLabels find the container of one attempt.
func attemptLabels(runID string, attempt int) map[string]string {
	return map[string]string{LabelRun: runID, LabelAttempt: strconv.Itoa(attempt)}
}
