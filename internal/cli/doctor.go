package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"gitlab.com/f5-pwe/kog/v3"
	"gitlab.com/f5-pwe/kog/v3/executor"
)

type doctorOptions struct {
	io       *IO
	executor string
	stateDir string
	output   string
}

func newDoctorCommand(s *IO) *cobra.Command {
	o := &doctorOptions{io: s}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say which engines are here and what each can do",
		Long: `doctor tries every executor of this build on this machine and says what it can
do, and what is missing and how to get it.

Return codes: 0 when at least one executor can be used, 125 when none can.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.executor, "executor", autoExecutor, "look at this `EXECUTOR` only: "+executorNames())
	f.StringVar(&o.stateDir, "state-dir", kog.DefaultStateDir(), "`FOLDER` of runs and images")
	f.StringVar(&o.output, "output", "plain", "`FORMAT`: plain or json")
	return cmd
}

// finding is what doctor knows of one executor.
type finding struct {
	Executor string         `json:"executor"`
	OK       bool           `json:"ok"`
	Error    string         `json:"error,omitempty"`
	Info     *executor.Info `json:"info,omitempty"`
	// Missing are rights that every run needs, and Useful those without which
	// something is less well, each as a sentence that says what cannot be done.
	Missing []string `json:"missing,omitempty"`
	Useful  []string `json:"missing_useful,omitempty"`
}

// righted is an executor whose user may lack rights.
type righted interface {
	// Missing says what the user cannot do of all that a run needs, and of what
	// is useful for one.
	Missing(ctx context.Context) (needed, useful []string, err error)
}

// examine tries an executor.
func examine(ctx context.Context, name string, exec executor.Executor) finding {
	info, err := exec.Probe(ctx)
	if err != nil {
		return finding{Executor: name, Error: err.Error()}
	}
	f := finding{Executor: name, OK: true, Info: &info}
	if r, ok := exec.(righted); ok {
		if f.Missing, f.Useful, err = r.Missing(ctx); err != nil {
			return finding{Executor: name, Error: err.Error()}
		}
	}
	if len(f.Missing) > 0 {
		f.OK, f.Error = false, "rights are missing that every run needs"
	}
	return f
}

func (o *doctorOptions) run(ctx context.Context) error {
	var findings []finding
	usable := false
	for _, e := range executors {
		if o.executor != autoExecutor && o.executor != e.name {
			continue
		}
		exec, err := e.new(executorOptions{stateDir: o.stateDir})
		f := finding{Executor: e.name}
		if err != nil {
			f.Error = err.Error()
		} else {
			f = examine(ctx, e.name, exec)
		}
		usable = usable || f.OK
		findings = append(findings, f)
	}
	if findings == nil {
		return fmt.Errorf("unknown executor %q: this build has %s", o.executor, executorNames())
	}
	if err := o.print(findings); err != nil {
		return err
	}
	if !usable {
		return errors.New("no executor can be used on this machine")
	}
	return nil
}

func (o *doctorOptions) print(findings []finding) error {
	if o.output == "json" {
		enc := json.NewEncoder(o.io.Out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(findings)
	}
	for _, f := range findings {
		if err := printFinding(o.io.Out, f); err != nil {
			return err
		}
	}
	return nil
}

func printFinding(w io.Writer, f finding) error {
	head := "✗ " + f.Executor + ": " + f.Error
	if f.OK {
		head = "✓ " + f.Executor + " " + f.Info.Version
	}
	if _, err := fmt.Fprintln(w, head); err != nil {
		return err
	}
	for _, lack := range slices.Concat(f.Missing, f.Useful) {
		if _, err := fmt.Fprintf(w, "  ✗ %s\n", lack); err != nil {
			return err
		}
	}
	if f.Info == nil {
		return nil
	}
	for _, feature := range slices.Sorted(maps.Keys(f.Info.Features)) {
		ability, mark := f.Info.Features[feature], "✗"
		if ability.OK {
			mark = "✓"
		}
		why := ""
		if ability.Why != "" {
			why = ": " + ability.Why
		}
		if _, err := fmt.Fprintf(w, "  %s %s%s\n", mark, feature, why); err != nil {
			return err
		}
	}
	return nil
}
