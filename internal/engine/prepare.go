package engine

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

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

// refuse says why a step cannot run at all, or "".
func (r *run) refuse(open event.OpenStep) string {
	act, ok := r.cfg.Job.Actions[open.Action]
	if !ok {
		return fmt.Sprintf("action %q is not defined", open.Action)
	}
	env := environment(r.cfg.BaseEnv, act, r.cfg.Env)
	values := r.state.Values
	if len(act.Requirements.ContextPaths) > 0 {
		doc, err := action.Document(values, r.stamp(open))
		if err == nil {
			values, err = job.DecodeValues(doc)
		}
		if err != nil {
			return err.Error()
		}
	}
	if missing := unmet(act.Requirements, env, values); len(missing) > 0 {
		return fmt.Sprintf("requirements of action %q are not met: missing %s", open.Action, strings.Join(missing, ", "))
	}
	return ""
}

func (r *run) stamp(open event.OpenStep) action.Stamp {
	s := action.Stamp{
		CorrelationID: r.state.Started.CorrelationID,
		RunID:         r.state.RunID,
		TaskName:      r.state.Started.Task,
		Workflow:      open.At.Workflow,
		StepName:      open.At.Step,
		ActionName:    open.Action,
		Logging:       r.cfg.Logging,
		StepResults:   make([]action.StepResult, len(r.state.Results)),
	}
	for i, res := range r.state.Results {
		s.StepResults[i] = action.StepResult{
			Workflow: res.At.Workflow, StepName: res.At.Step, ActionName: res.Action,
			Result: res.Outcome, RC: res.RC, Message: res.Message,
		}
	}
	return s
}

// spec puts together what the executor is to start.
func (r *run) spec(open event.OpenStep, img executor.Image) (executor.Spec, error) {
	doc, err := action.Document(r.state.Values, r.stamp(open))
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
	env := environment(r.cfg.BaseEnv, r.cfg.Job.Actions[open.Action], r.cfg.Env)
	delete(env, action.EnvContext)
	maps.Copy(env, delivery.Env)
	return executor.Spec{
		ID:      open.ContainerID,
		Image:   img.Pinned,
		Env:     env,
		Stdin:   delivery.Stdin,
		Files:   []executor.File{{Path: delivery.Path, Data: doc}},
		Volumes: slices.Clone(r.cfg.Volumes),
		Network: r.state.Started.Options.Network,
		Labels:  r.labels(open),
	}, nil
}

func (r *run) labels(open event.OpenStep) map[string]string {
	labels := r.attemptLabels(open.Attempt)
	labels[LabelCorrelation] = r.state.Started.CorrelationID
	labels[LabelJob] = r.state.Started.Task
	labels[LabelWorkflow] = open.At.Workflow
	labels[LabelStep] = open.At.Step
	return labels
}

// attemptLabels find the container of one attempt.
func (r *run) attemptLabels(attempt int) map[string]string {
	return map[string]string{LabelRun: r.id, LabelAttempt: strconv.Itoa(attempt)}
}
