package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

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

// report is what config prints.
type report struct {
	Command string `json:"command"`
	// Project and User are the config files that were read.
	Project string `json:"project,omitempty"`
	User    string `json:"user,omitempty"`
	// Jobs have the name of a config file and were not read as such.
	Jobs     []string       `json:"jobs,omitempty"`
	Settings []settingValue `json:"settings"`
}

type settingValue struct {
	// Flag is its name, Key that in config files.
	Flag     string `json:"flag"`
	Key      string `json:"key"`
	Variable string `json:"variable"`
	// Value is text, or a list of texts for a flag that can be repeated.
	Value  any    `json:"value"`
	Origin origin `json:"origin"`
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

func (o *configOptions) report(ctx context.Context, target *cobra.Command) error {
	resolved, err := resolve(ctx, target, o.io)
	if err != nil {
		return err
	}
	r := report{Command: target.CommandPath(), Jobs: resolved.jobs}
	for _, file := range resolved.files {
		if file.project {
			r.Project = file.name
		} else {
			r.User = file.name
		}
	}
	target.Flags().VisitAll(func(f *pflag.Flag) {
		row, ok := settingOf(target, f.Name)
		if !ok {
			return
		}
		at, given := resolved.origins[f.Name]
		if !given {
			at.Source = "default"
		}
		r.Settings = append(r.Settings, settingValue{Flag: f.Name, Key: row.name, Variable: row.variable(), Value: shownValue(f, row), Origin: at})
	})
	if o.output == "json" {
		enc := json.NewEncoder(o.io.Out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(r)
	}
	return o.print(r)
}

// shownValue is text or a list of texts, without secrets.
func shownValue(f *pflag.Flag, row setting) any {
	list, ok := f.Value.(pflag.SliceValue)
	if !ok {
		return row.show(f.Value.String())
	}
	shown := []string{}
	for _, v := range list.GetSlice() {
		shown = append(shown, row.show(v))
	}
	return shown
}

func (o *configOptions) print(r report) error {
	_, err := fmt.Fprintf(o.io.Out, "# project: %s\n# user: %s\n", cmp.Or(r.Project, "none"), cmp.Or(r.User, "none"))
	if err != nil {
		return err
	}
	for _, name := range r.Jobs {
		if _, err := fmt.Fprintf(o.io.Out, "# a job, not read: %s\n", name); err != nil {
			return err
		}
	}
	w := tabwriter.NewWriter(o.io.Out, 0, 0, 2, ' ', 0)
	for _, s := range r.Settings {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", s.Key, printable(s.Value), s.Origin)
	}
	return w.Flush() // it keeps the first error
}

// printable puts a value on one line.
func printable(value any) string {
	texts, ok := value.([]string)
	if !ok {
		texts = []string{value.(string)}
	}
	for i, s := range texts {
		if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
			texts[i] = strconv.Quote(s)
		}
	}
	return strings.Join(texts, ", ")
}
