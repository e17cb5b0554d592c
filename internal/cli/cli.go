// Package cli is the command line of kog: one file per command. It is the only
// place where the parts of the program are put together.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"gitlab.com/f5-pwe/kog/v3/executor/native"
	"gitlab.com/f5-pwe/kog/v3/internal/builtin"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// Return codes of the program besides those of a job; see job.Outcome.ReturnCode.
const (
	rcOK      = 0
	rcTrouble = 125
)

// IO is what a command reads, writes and is told by the system.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
	// Environ is the environment as in os.Environ.
	Environ []string
	// Signals gets a value for each request to end; nil means there are none.
	Signals <-chan os.Signal
}

// Dispatch must be called first in main: it does not return when this process
// was started as a part of a container, or inside one.
func Dispatch() {
	if code, ok := builtin.Dispatch(); ok {
		syscall.Exit(code) // nothing is left to do, and a container should not wait
	}
	native.Init()
}

// System is the IO of the process itself.
func System() *IO {
	return &IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ(), Signals: notifySignals()}
}

// Lookup finds an environment variable.
func (s *IO) Lookup(name string) (string, bool) {
	for i := len(s.Environ) - 1; i >= 0; i-- {
		if v := s.Environ[i]; len(v) > len(name) && v[len(name)] == '=' && v[:len(name)] == name {
			return v[len(name)+1:], true
		}
	}
	return "", false
}

// exitError ends the program with a return code and no message of its own.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("return code %d", int(e)) }

// Main runs one command and returns the program's return code: that of the
// job, or 125 for trouble of kog's own, told in one message on s.Err.
func Main(args []string, s *IO) int {
	root := newRootCommand(s)
	root.SetArgs(args)
	err := root.Execute()
	var exit exitError
	switch {
	case err == nil:
		return rcOK
	case errors.As(err, &exit):
		return int(exit)
	}
	_, _ = fmt.Fprintln(s.Err, "kog:", message(err))
	return rcTrouble
}

// message shows findings in a document with their source lines.
func message(err error) string {
	var findings job.SyntaxErrors
	if !errors.As(err, &findings) || findings.Error() != err.Error() {
		return err.Error()
	}
	details := make([]string, len(findings))
	for i, f := range findings {
		details[i] = f.Detail()
	}
	return strings.Join(details, "\nkog: ")
}

func newRootCommand(s *IO) *cobra.Command {
	root := &cobra.Command{
		Use:   "kog",
		Short: "Execute jobs: state machines whose steps run containers",
		Long: `kog executes a job: one YAML or JSON file whose workflows are state machines.
Every step runs a container, and one of four outcomes (success, failure, abort,
timeout) names the next step.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w\nRun '%s --help' for the flags", err, cmd.CommandPath())
	})
	root.AddCommand(newRunCommand(s), newDoctorCommand(s), newVersionCommand(s))
	root.AddCommand(newConfigCommand(s), newManCommand())
	bindSettings(root, s)
	completeValues(root, s)
	return root
}

// noArgs refuses arguments and says what was meant, most likely.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if cmd.Flags().Lookup("file") != nil {
		hint = fmt.Sprintf(": a job file is given as -f %s, a flag's value as --flag=value", args[0])
	}
	return fmt.Errorf("unexpected argument %q%s", args[0], hint)
}
