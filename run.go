package kog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"github.com/rs/xid"

	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/internal/engine"
	"gitlab.com/f5-pwe/kog/v3/internal/journal"
	"gitlab.com/f5-pwe/kog/v3/internal/mask"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// Run executes a job from its start to its end.
//
// An error means that kog could not do its work; the Result is then the run as
// far as it came, with its RunID once it has one, and Resume goes on with it.
// When ctx ends, Run returns its cause at once and leaves containers as they
// are. For an orderly end use Interrupt.
//
// What the executor cannot do is refused before the run exists, all of it at
// once: a job.SyntaxErrors for the settings of actions, executor.ErrUnsupported
// for those and for what the Runner asks for. An executor.Rehearser is asked
// about every action, too.
func (r *Runner) Run(ctx context.Context, req Request) (res Result, err error) {
	m := r.masker(req.Job, nil)
	defer func() { err = m.Error(err) }()
	info, err := r.Executor.Probe(ctx)
	if err != nil {
		return Result{}, err
	}
	started, err := r.opening(req)
	if err != nil {
		return Result{}, err
	}
	started.Executor = info.Name
	id := req.RunID
	if id == "" {
		id = xid.New().String()
	}
	if err := r.refuse(ctx, info, plan{r.config(req.Job, m), id, started}); err != nil {
		return Result{}, err
	}
	if req.Document == nil {
		if req.Document, err = json.Marshal(req.Job); err != nil {
			return Result{}, fmt.Errorf("print job %q: %w", req.Job.Name, err)
		}
	}
	started.JobSHA256 = digest(req.Document)
	dir, err := r.store().Create(id, req.Document)
	if err != nil {
		return Result{}, err
	}
	return r.drive(ctx, req.Job, drive{dir: dir, opening: started, mask: m})
}

// Resume goes on with a run that some process left, and returns its result at
// once when it has ended. Environment values are in no journal: Env must name
// every variable that the run was given when it began, and one of Env, BaseEnv
// and Secrets every variable whose value is masked in the run's context.
func (r *Runner) Resume(ctx context.Context, runID string) (res Result, err error) {
	m := r.masker(nil, nil)
	defer func() { err = m.Error(err) }()
	info, err := r.Executor.Probe(ctx)
	if err != nil {
		return Result{}, err
	}
	dir, written, err := r.store().Open(runID)
	if err != nil {
		return Result{}, err
	}
	j, err := r.resumable(dir, written, info.Name)
	m = r.masker(j, written.Started.Options.MaskNames)
	var state event.State
	if err == nil {
		state, err = unmask(m, written)
	}
	if err != nil {
		return result(written, m), errors.Join(fmt.Errorf("resume run %s: %w", runID, err), dir.Close())
	}
	if state.Phase == event.PhaseFinished && len(state.Leftovers) == 0 {
		return r.finished(ctx, j, drive{dir: dir, state: state, mask: m})
	}
	return r.drive(ctx, j, drive{
		dir: dir, state: state, written: written, mask: m, opening: event.RunResumed{KogVersion: r.Version},
	})
}

// resumable checks that this Runner can go on with a run, and parses its job.
func (r *Runner) resumable(dir *journal.Run, s event.State, executorName string) (*job.Job, error) {
	if s.Started.Executor != executorName {
		return nil, fmt.Errorf("it was started with executor %s, not %s", s.Started.Executor, executorName)
	}
	for _, name := range s.Started.Options.EnvNames {
		if _, ok := r.Env[name]; !ok && s.Phase != event.PhaseFinished {
			return nil, fmt.Errorf("it was given environment variable %s, which has to be given again", name)
		}
	}
	name, document, err := dir.Document()
	if err != nil {
		return nil, err
	}
	if digest(document) != s.Started.JobSHA256 {
		return nil, fmt.Errorf("%s was changed since the run began", name)
	}
	return job.Parse(name, document)
}

type drive struct {
	dir            *journal.Run
	state, written event.State // see engine.Entry
	opening        event.Payload
	mask           *mask.Masker
}

func (r *Runner) drive(ctx context.Context, j *job.Job, d drive) (res Result, err error) {
	defer func() { err = errors.Join(err, d.dir.Close()) }()
	volumes, err := r.volumes(d.state)
	if err != nil {
		return result(d.state, d.mask), err
	}
	if err := r.beginNotify(ctx, j, d); err != nil {
		return result(d.state, d.mask), err
	}
	cfg := r.config(j, d.mask)
	cfg.Journal, cfg.Sink, cfg.Volumes = d.dir, r.sink(), volumes
	cfg.Output = maskedOutput{outputs{d.dir, r.Output}, d.mask}
	state, err := engine.Run(ctx, cfg, engine.Entry{Run: d.dir.ID(), State: d.state, Written: d.written, Opening: d.opening})
	res = result(state, d.mask)
	res.RunID = d.dir.ID()
	res.NotifyStatus, res.NotifyMessage = r.endNotify(ctx, res.RunID)
	return res, err
}

// config is what a run needs besides its folder and its listeners.
func (r *Runner) config(j *job.Job, m *mask.Masker) engine.Config {
	return engine.Config{
		Job: j, Executor: r.Executor, BaseEnv: r.BaseEnv, Env: r.Env, Volumes: r.Volumes,
		Logging: action.Logging{
			Formatter: cmp.Or(r.LogFormatter, "logfmt"), RemoteLogger: r.RemoteLogger, RemoteLoggerAddr: r.RemoteLoggerAddr,
		},
		Interrupt: r.Interrupt, Logger: r.maskedLogger(m), Mask: m.Payload, Redact: m.String,
	}
}

// volumes are the Runner's for a new run, and those it began with for any other.
func (r *Runner) volumes(s event.State) ([]executor.Volume, error) {
	if s.Phase == event.PhaseNew {
		return r.Volumes, nil
	}
	volumes := make([]executor.Volume, len(s.Started.Options.Volumes))
	for i, text := range s.Started.Options.Volumes {
		v, err := executor.ParseVolume(text)
		if err != nil {
			return nil, fmt.Errorf("resume run %s: %w", s.RunID, err)
		}
		volumes[i] = v
	}
	return volumes, nil
}

// opening is the first event of a new run, without what the document and the
// executor tell.
func (r *Runner) opening(req Request) (event.RunStarted, error) {
	start := req.Start
	if start == (job.Cursor{}) {
		start = req.Job.Start()
	}
	if _, err := req.Job.Step(start); err != nil {
		return event.RunStarted{}, fmt.Errorf("job %q: %w", req.Job.Name, err)
	}
	if r.Workspace < 0 {
		return event.RunStarted{}, fmt.Errorf("workspace of %d bytes: want more than 0, or 0 for none", r.Workspace)
	}
	values := req.Job.Context.Merge(req.Context)
	correlation, _ := values["correlation_id"].(string)
	for _, id := range []string{req.CorrelationID, correlation, req.Job.CorrelationID, xid.New().String()} {
		if id != "" {
			correlation = id
			break
		}
	}
	volumes := make([]string, len(r.Volumes))
	for i, v := range r.Volumes {
		volumes[i] = v.String()
	}
	return event.RunStarted{
		Task: req.Job.Name, CorrelationID: correlation, JobSource: req.Source,
		Start: start, Context: action.Strip(values), KogVersion: r.Version,
		Options: event.Options{
			MaxSteps:     cmp.Or(r.MaxSteps, DefaultMaxSteps),
			StartTimeout: cmp.Or(r.StartTimeout, DefaultStartTimeout),
			Grace:        max(0, cmp.Or(r.Grace, DefaultGrace)),
			Pull:         string(r.Pull), Volumes: volumes, Network: r.Network, Workspace: r.Workspace,
			EnvNames: slices.Sorted(maps.Keys(r.Env)), MaskNames: slices.Sorted(maps.Keys(r.Secrets)),
		},
	}, nil
}

func (r *Runner) store() *journal.Store {
	return journal.NewStore(filepath.Join(cmp.Or(r.StateDir, DefaultStateDir()), "runs"))
}

func result(s event.State, m *mask.Masker) Result {
	res := Result{RunID: s.RunID, CorrelationID: m.String(s.Started.CorrelationID), TaskName: m.String(s.Started.Task)}
	if s.Finished != nil {
		res.Status, res.Message = s.Finished.Status, m.String(s.Finished.Message)
	}
	return res
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// outputs writes every stream to the run's own log files and, when there is
// one, to a second Output.
type outputs struct {
	files  *journal.Run
	second Output
}

func (o outputs) Open(run string, step event.OpenStep) (stdout, stderr io.WriteCloser, err error) {
	stdout, stderr, err = o.files.Open(run, step)
	if err != nil || o.second == nil {
		return stdout, stderr, err
	}
	out, errs, err := o.second.Open(run, step)
	if err != nil {
		return nil, nil, errors.Join(err, stdout.Close(), stderr.Close())
	}
	return tee{stdout, out}, tee{stderr, errs}, nil
}

// tee writes to both and closes both.
type tee [2]io.WriteCloser

func (t tee) Write(p []byte) (int, error) {
	for _, w := range t {
		if n, err := w.Write(p); err != nil {
			return n, err
		}
	}
	return len(p), nil
}

func (t tee) Close() error { return errors.Join(t[0].Close(), t[1].Close()) }
