package kog

import (
	"io"
	"log/slog"
	"maps"
	"slices"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/internal/mask"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// masker masks the secrets of this Runner and of a job, which may be nil, and
// the variables that are named besides.
func (r *Runner) masker(j *job.Job, names []string) *mask.Masker {
	names = slices.AppendSeq(slices.Clone(names), maps.Keys(r.Secrets))
	sources := []mask.Source{{Vars: r.Env}, {Name: "imported", Vars: r.BaseEnv}, {Name: "given", Vars: r.Secrets}}
	return mask.New(names, append(sources, mask.Actions(j)...)...)
}

// maskedJob is a job as others may see it, without the values of environment
// variables. It is for telling, not for executing.
func maskedJob(m *mask.Masker, j *job.Job) (*job.Job, error) {
	told := *j
	told.Description = m.String(j.Description)
	var err error
	if told.Context, err = m.SealValues(j.Context); err != nil {
		return nil, err
	}
	told.Actions = make(map[string]*job.Action, len(j.Actions))
	for name, act := range j.Actions {
		shown := *act
		shown.Env = nil
		shown.Entrypoint, shown.Args = slices.Clone(act.Entrypoint), slices.Clone(act.Args)
		for _, words := range [][]string{shown.Entrypoint, shown.Args} {
			for i := range words {
				words[i] = m.String(words[i])
			}
		}
		shown.Labels = maps.Clone(act.Labels)
		for label, value := range act.Labels {
			shown.Labels[label] = m.String(value)
		}
		told.Actions[name] = &shown
	}
	return &told, nil
}

// maskedLogger is told at once which values cannot be masked.
func (r *Runner) maskedLogger(m *mask.Masker) *slog.Logger {
	if r.Logger == nil {
		return nil
	}
	for _, name := range m.Skipped() {
		r.Logger.Warn("value is not masked: it is too short or too common", "variable", name)
	}
	return m.Logger(r.Logger)
}

// unmask gives the state of a run as its containers have it. A run that has
// ended gets none any more.
func unmask(m *mask.Masker, s event.State) (event.State, error) {
	opened, err := m.State(s)
	if err != nil && s.Phase == event.PhaseFinished {
		return s, nil
	}
	return opened, err
}

// maskedOutput masks streams on their way to another Output.
type maskedOutput struct {
	to   Output
	mask *mask.Masker
}

func (o maskedOutput) Open(run string, step event.OpenStep) (stdout, stderr io.WriteCloser, err error) {
	stdout, stderr, err = o.to.Open(run, step)
	if err != nil {
		return nil, nil, err
	}
	return o.mask.Writer(stdout), o.mask.Writer(stderr), nil
}
