package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const configHelp = `config shows the value of every flag of a command (default: run) and where it
came from. From high to low: the flag itself, its environment variable, the
project's config file (kog.yaml or kog.yml beside the job file or in a folder
above it, up to the one with .git; for other jobs from the working directory
upwards), the user's (config.yaml in the folder kog of $XDG_CONFIG_HOME), the
default. Flags of COMMAND stand behind --.

Values of environment variables and credentials are shown as ***.

Return codes: 0, or 125 when a value cannot be used.`

const configExample = `  kog config
  kog config --output json
  kog config run -- -f lab/job.yaml --max-steps 3
  kog config doctor`

type configOptions struct {
	io     *IO
	output string
}

func newConfigCommand(s *IO) *cobra.Command {
	o := &configOptions{io: s}
	cmd := &cobra.Command{
		Use:     "config [COMMAND] [-- FLAG...]",
		Short:   "Show the value of every flag and where it came from",
		Long:    configHelp,
		Example: configExample,
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
		// Its output names the config files.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			_, err := resolve(cmd.Context(), cmd, s)
			return err
		},
		ValidArgsFunction:     completeConfigurable,
		DisableFlagsInUseLine: true,
	}
	cmd.Flags().StringVar(&o.output, "output", "plain", "`FORMAT`: plain or json")
	return cmd
}

func (o *configOptions) run(cmd *cobra.Command, args []string) error {
	dash := cmd.ArgsLenAtDash()
	if dash < 0 {
		dash = len(args)
	}
	path, flags := args[:dash], args[dash:]
	if len(path) == 0 {
		path = []string{"run"}
	}
	target, err := findCommand(cmd.Root(), path)
	if err != nil {
		return err
	}
	if err := target.ParseFlags(flags); err != nil {
		return fmt.Errorf("flags of %q behind --: %w", target.CommandPath(), err)
	}
	if left := target.Flags().Args(); len(left) > 0 {
		return fmt.Errorf("unexpected argument %q behind --: only flags of %q stand there", left[0], target.CommandPath())
	}
	return o.report(cmd.Context(), target)
}

// findCommand finds a command that has settings.
func findCommand(root *cobra.Command, path []string) (*cobra.Command, error) {
	target, rest, err := root.Find(path)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 || !target.Runnable() {
		return nil, fmt.Errorf("unknown command %q", strings.Join(append([]string{root.Name()}, path...), " "))
	}
	if !configurable(target) {
		return nil, fmt.Errorf("%q has no flags that can be configured", target.CommandPath())
	}
	return target, nil
}

func configurable(cmd *cobra.Command) bool {
	has := false
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		_, ok := settingOf(cmd, f.Name)
		has = has || ok
	})
	return has
}

// completeConfigurable knows the commands that can be configured.
func completeConfigurable(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, sub := range cmd.Root().Commands() {
		if len(args) == 0 && configurable(sub) {
			names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
