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
}

func (o *doctorOptions) run(ctx context.Context) error {
	var findings []finding
	usable := false
	for _, e := range executors {
		if o.executor != autoExecutor && o.executor != e.name {
			continue
		}
		f := finding{Executor: e.name}
		exec, err := e.new(executorOptions{stateDir: o.stateDir})
		if err == nil {
			var info executor.Info
			info, err = exec.Probe(ctx)
			f.Info = &info
		}
		if f.OK = err == nil; err != nil {
			f.Error, f.Info = err.Error(), nil
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
	if !f.OK {
		_, err := fmt.Fprintf(w, "✗ %s: %s\n", f.Executor, f.Error)
		return err
	}
	if _, err := fmt.Fprintf(w, "✓ %s %s\n", f.Executor, f.Info.Version); err != nil {
		return err
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
