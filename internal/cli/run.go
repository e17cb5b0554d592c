package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"gitlab.com/f5-pwe/kog/v3"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/internal/fetch"
	"gitlab.com/f5-pwe/kog/v3/internal/logs"
	"gitlab.com/f5-pwe/kog/v3/internal/mask"
	"gitlab.com/f5-pwe/kog/v3/internal/report"
	"gitlab.com/f5-pwe/kog/v3/job"
)

const runHelp = `run executes a job: it begins at the job's current step, runs the action of each
step in a container, and follows the edge that the step's outcome names.

The end of the run is printed to standard output as one JSON object; progress
and the containers' output go to standard error, on a terminal as a live view.
The run is kept in the state folder, with its log files.

The first SIGINT or SIGTERM stops the open step with outcome abort and follows
its abort edge, so that clean-up steps run; a second one ends kog at once.

Return codes: 0 success, 1 failure, 2 abort, 3 timeout, 125 trouble of kog's own.
Every flag can also be given as an environment variable: KOG_ and its name in
upper case with underscores (--context is KOG_CONTEXT_SOURCE), or in a config
file: kog.yaml beside the job or above it. 'kog config' says which value counts.`

const runExample = `  kog run -f job.yaml
  kog run -f https://example.com/job.json --env STAGE=lab --volume /srv/firmware:/firmware:ro
  kog run -f job.yaml --workflow remediate`

type runOptions struct {
	io *IO

	file, executor, contextSource string
	workflow, step                string
	env, envFiles, ignoreEnv      []string
	importEnv, useJobRC, strict   bool
	volumes                       []string
	network, workspace, pull      string
	output, logFormatter          string
	display                       *display
	stateDir, runID               string
	maxSteps                      int
	startTimeout, grace           time.Duration

	reports   []string
	targets   []report.Target
	remote    remoteLog
	notify    notifyOptions
	maskNames []string
	mask      *mask.Masker // of everything known so far
}

func newRunCommand(s *IO) *cobra.Command {
	o := &runOptions{io: s}
	cmd := &cobra.Command{
		Use:     "run -f FILE",
		Short:   "Execute a job",
		Long:    runHelp,
		Example: runExample,
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	cmd.SetUsageFunc(usage)
	f.StringVarP(&o.file, "file", "f", "", "job `FILE`: path, http(s) URL, or - for standard input; YAML or JSON")
	f.StringVar(&o.workflow, "workflow", "", "`WORKFLOW` to execute instead of the job's current_workflow")
	f.StringVar(&o.step, "step", "", "`STEP` to begin at instead of the job's current_step")
	f.StringVar(&o.contextSource, "context", "", "`FILE` or URL with context values, laid over the job's own context")
	f.StringArrayVar(&o.env, "env", nil, "environment variable for every step, `NAME=VALUE`, or NAME to take it from kog's own environment (repeatable)")
	f.StringArrayVar(&o.envFiles, "env-file", nil, "`FILE` or URL in dotenv format with environment variables for every step (repeatable, later files win)")
	f.BoolVar(&o.importEnv, "import-current-env", false, "give kog's own environment to every step; use it with --ignore-env")
	f.StringArrayVar(&o.ignoreEnv, "ignore-env", nil, "`NAME` or PREFIX* that --import-current-env leaves out (repeatable)")
	o.addMaskFlags(f)
	f.StringArrayVarP(&o.volumes, "volume", "v", nil, "mount for every step in docker's syntax, `SOURCE:TARGET[:OPTIONS]` (repeatable)")
	f.StringVar(&o.network, "network", "", "`NETWORK` of the steps: host, none, run (one that all steps share) or the name of one (default: the executor's own)")
	f.StringVar(&o.workspace, "workspace", "", "`SIZE` of a volume that all steps have at /workspace, made for the run and removed after it, such as 10Gi (default: none)")
	f.StringVar(&o.executor, "executor", autoExecutor, "`EXECUTOR` that runs the containers: "+executorNames())
	f.StringVar(&o.pull, "pull", "", "`WHEN` to pull images: always, missing or never (default: missing for digests and local images, else always)")
	f.BoolVar(&o.strict, "strict", false, "treat warnings about the job file as errors")
	f.IntVar(&o.maxSteps, "max-steps", kog.DefaultMaxSteps, "`NUMBER` of steps after which the run fails")
	f.DurationVar(&o.startTimeout, "start-timeout", kog.DefaultStartTimeout, "`LIMIT` for pulling, creating and starting a container")
	f.DurationVar(&o.grace, "grace", kog.DefaultGrace, "`TIME` between SIGTERM and SIGKILL when a container is stopped")
	f.BoolVar(&o.useJobRC, "use-job-rc", true, "return the job's status; with =false 0 for any status")
	f.StringVar(&o.output, "output", "auto", "`WHAT` to show: live, plain, json (the event stream on standard output), quiet, or auto: live on a terminal, else plain")
	f.StringVar(&o.logFormatter, "log-formatter", "logfmt", "`FORMAT` of plain output: logfmt or json")
	o.remote.addFlags(f)
	f.StringVar(&o.stateDir, "state-dir", kog.DefaultStateDir(), "`FOLDER` of runs and images")
	f.StringVar(&o.runID, "run-id", "", "`ID` of the run, lower-case letters, digits and dashes (default: generated)")
	o.addReportFlags(f)
	o.notify.addFlags(f)
	return cmd
}

// run executes the job. Everything that can be wrong in flags and files is
// found before anything is started.
func (o *runOptions) run(ctx context.Context) (err error) {
	o.openDisplay()
	defer o.display.close()
	local, err := o.check()
	if err != nil {
		return err
	}
	if err := o.checkReports(); err != nil {
		return err
	}
	if err := o.remote.open(); err != nil {
		return err
	}
	defer func() { o.remote.close(local, o.io.Signals, err) }()
	log := o.remote.join(local)
	env, err := o.environment(ctx)
	if err != nil {
		return err
	}
	defer func() { err = o.masked(err) }()
	if err := o.hide(env, nil); err != nil {
		return err
	}
	req, err := o.request(ctx, o.mask.Logger(log))
	if err != nil {
		return err
	}
	if err := o.hide(env, req.Job); err != nil {
		return err
	}
	runner, err := o.runner(ctx, log, env)
	if err != nil {
		return err
	}
	shown := o.remote.beside(o.view(log, req.Job))
	runner.Sink, runner.Output = shown, shown
	ctx, interrupt, release := interrupts(ctx, o.io)
	defer release()
	runner.Interrupt = interrupt
	result, err := runner.Run(ctx, req)
	o.display.close()
	reportErr := o.writeReports(result.RunID)
	if err != nil {
		if result.RunID != "" {
			return o.kept(result, errors.Join(err, reportErr))
		}
		return err
	}
	enc := json.NewEncoder(logs.Escape(o.io.Out))
	enc.SetEscapeHTML(false)
	if err := enc.Encode(result); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	if reportErr != nil {
		return o.kept(result, reportErr)
	}
	if rc := result.Status.ReturnCode(); rc != 0 && o.useJobRC {
		return exitError(rc)
	}
	return nil
}

// kept adds to an error where the run can be found.
func (o *runOptions) kept(result kog.Result, err error) error {
	return fmt.Errorf("%w\nRun %s is kept in %s", err, result.RunID, filepath.Join(o.stateDir, "runs", result.RunID))
}

// check refuses bad flag values, and makes the logger.
func (o *runOptions) check() (*slog.Logger, error) {
	switch {
	case o.file == "":
		return nil, fmt.Errorf("no job file: give one with -f FILE, or -f - for standard input")
	case o.maxSteps < 1:
		return nil, fmt.Errorf("--max-steps %d: want at least 1", o.maxSteps)
	case o.startTimeout <= 0:
		return nil, fmt.Errorf("--start-timeout %s: want more than 0", o.startTimeout)
	case o.grace < 0:
		return nil, fmt.Errorf("--grace %s: want 0 or more", o.grace)
	case executor.CheckNetwork(o.network) != nil:
		return nil, fmt.Errorf("--network: %w", executor.CheckNetwork(o.network))
	case len(o.ignoreEnv) > 0 && !o.importEnv:
		return nil, fmt.Errorf("--ignore-env has a meaning only with --import-current-env")
	}
	level := slog.LevelInfo
	if o.output == "quiet" {
		level = slog.LevelError
	}
	log, err := logs.New(o.io.Err, o.logFormatter, level)
	if err != nil {
		return nil, fmt.Errorf("--log-formatter: %w", err)
	}
	return o.display.logger(log), nil
}

// request reads the job and its context.
func (o *runOptions) request(ctx context.Context, log *slog.Logger) (kog.Request, error) {
	doc, err := fetch.Read(ctx, o.file, o.limits())
	if err != nil {
		return kog.Request{}, fmt.Errorf("job file: %w", err)
	}
	j, err := job.Parse(doc.Name, doc.Data)
	if err != nil {
		// A misspelt key is a warning, and often why something else is missing.
		warnings, _ := job.Check(doc.Name, doc.Data)
		tell(log, warnings)
		return kog.Request{}, doc.Explain(err)
	}
	if o.strict {
		if err := j.Strict(); err != nil {
			return kog.Request{}, err
		}
	}
	tell(log, j.Warnings)
	req := kog.Request{Job: j, Document: doc.Data, Source: doc.Name, RunID: o.runID, Start: o.start(j)}
	if _, err := j.Step(req.Start); err != nil {
		return kog.Request{}, fmt.Errorf("%s: %w", doc.Name, err)
	}
	if o.contextSource == "" {
		return req, nil
	}
	values, err := fetch.Read(ctx, o.contextSource, o.limits())
	if err != nil {
		return kog.Request{}, fmt.Errorf("context: %w", err)
	}
	req.Context, err = job.ParseContext(values.Name, values.Data)
	return req, values.Explain(err)
}

// limits lets a document that is too large through to the parser, whose error
// says what is wrong with it.
func (o *runOptions) limits() fetch.Options {
	return fetch.Options{Stdin: o.io.In, MaxBytes: job.MaxBytes + 1}
}

func tell(log *slog.Logger, warnings []*job.SyntaxError) {
	for _, w := range warnings {
		log.Warn(w.Error())
	}
}

// start is where --workflow and --step say the run begins. Another workflow
// than the job's own begins at its step "start".
func (o *runOptions) start(j *job.Job) job.Cursor {
	at := j.Start()
	if o.workflow != "" && o.workflow != at.Workflow {
		at = job.Cursor{Workflow: o.workflow, Step: job.DefaultStep}
	}
	if o.step != "" {
		at.Step = o.step
	}
	return at
}

// runner puts together what executes the job.
func (o *runOptions) runner(ctx context.Context, log *slog.Logger, env environment) (*kog.Runner, error) {
	policy, err := executor.ParsePullPolicy(o.pull)
	if err != nil {
		return nil, fmt.Errorf("--pull: %w", err)
	}
	volumes, err := parseVolumes(o.volumes)
	if err != nil {
		return nil, err
	}
	stateDir, err := filepath.Abs(o.stateDir)
	if err != nil {
		return nil, fmt.Errorf("--state-dir: %w", err)
	}
	notifiers, err := o.notify.build(o.io, o.mask.Logger(log))
	if err != nil {
		return nil, err
	}
	exec, err := newExecutor(ctx, o.executor, executorOptions{stateDir: stateDir, log: o.mask.Logger(log)})
	if err != nil {
		return nil, err
	}
	workspace, err := o.workspaceSize()
	if err != nil {
		return nil, err
	}
	grace := o.grace
	if grace == 0 {
		grace = -1
	}
	runner := &kog.Runner{
		Executor: exec, StateDir: stateDir,
		BaseEnv: env.base, Env: env.over, Secrets: o.secrets(),
		Volumes: volumes, Network: o.network, Workspace: workspace, Pull: policy,
		MaxSteps: o.maxSteps, StartTimeout: o.startTimeout, Grace: grace,
		LogFormatter: o.logFormatter, Notifiers: notifiers, Logger: log, Version: Version(),
	}
	o.remote.tell(runner)
	return runner, nil
}

func (o *runOptions) workspaceSize() (int64, error) {
	if o.workspace == "" {
		return 0, nil
	}
	size, err := job.ParseSize(o.workspace)
	if err != nil {
		return 0, fmt.Errorf("--workspace: %w", err)
	}
	return size, nil
}
