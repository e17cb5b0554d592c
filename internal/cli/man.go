package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newManCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man FOLDER",
		Short: "Write the manual pages",
		Long: `man writes a manual page for every command into a folder, which is made when it
is not there: kog.1, kog-run.1 and so on.

Return codes: 0, or 125 when a page cannot be written.`,
		Example: `  kog man ~/.local/share/man/man1
  man kog-run`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("want one folder for the pages: kog man FOLDER")
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("write manual pages: %w", err)
			}
			return writeManual(cmd.Root(), args[0])
		},
	}
}

// writeManual writes the page of a command and those of the commands below it.
func writeManual(cmd *cobra.Command, dir string) error {
	file := filepath.Join(dir, pageName(cmd)+".1")
	if err := os.WriteFile(file, []byte(page(cmd)), 0o644); err != nil {
		return fmt.Errorf("write manual page: %w", err)
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			if err := writeManual(sub, dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// page is the manual page of a command.
//
// Source of the macros: man-pages(7), man(7).
func page(cmd *cobra.Command) string {
	cmd.InitDefaultHelpFlag()
	var b strings.Builder
	name := pageName(cmd)
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"kog %s\" \"kog manual\"\n.nh\n.ad l\n", roff(strings.ToUpper(name)), roff(Version()))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(cmd.Short))
	synopsis := cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		synopsis = cmd.CommandPath() + " COMMAND"
	}
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(synopsis))
	long := cmd.Long
	if long == "" {
		long = cmd.Short + "."
	}
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", strings.ReplaceAll(roff(long), "\n\n", "\n.PP\n"))
	for _, p := range paragraphs(cmd) {
		fmt.Fprintf(&b, ".SH %s\n", strings.ToUpper(p.heading))
		p.flags.VisitAll(func(f *pflag.Flag) { b.WriteString(option(cmd, f)) })
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(cmd.Example))
	}
	if also := seeAlso(cmd); len(also) > 0 {
		fmt.Fprintf(&b, ".SH SEE ALSO\n%s\n", strings.Join(also, ",\n"))
	}
	return b.String()
}

// option is one flag with what it takes, its default and its variable.
func option(cmd *cobra.Command, f *pflag.Flag) string {
	takes, text := pflag.UnquoteUsage(f)
	head := `\fB` + roff("--"+f.Name) + `\fR`
	if f.Shorthand != "" {
		head = `\fB` + roff("-"+f.Shorthand) + `\fR, ` + head
	}
	if takes != "" {
		head += ` \fI` + roff(takes) + `\fR`
	}
	if _, list := f.Value.(pflag.SliceValue); f.DefValue != "" && f.DefValue != "false" && !list {
		text += fmt.Sprintf(" (default %s)", withoutHome(f.DefValue))
	}
	if row, ok := settingOf(cmd, f.Name); ok {
		text += ". Variable " + row.variable() + "."
	}
	return fmt.Sprintf(".TP\n%s\n%s\n", head, roff(text))
}

// withoutHome is a path as everybody may read it.
func withoutHome(path string) string {
	if home, err := os.UserHomeDir(); err == nil && home != "" && strings.HasPrefix(path, home+string(filepath.Separator)) {
		return "~" + strings.TrimPrefix(path, home)
	}
	return path
}

func seeAlso(cmd *cobra.Command) []string {
	var also []string
	if cmd.HasParent() {
		also = append(also, `\fB`+roff(pageName(cmd.Parent()))+`\fR(1)`)
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			also = append(also, `\fB`+roff(pageName(sub))+`\fR(1)`)
		}
	}
	return also
}

// roff escapes text: what would be typeset otherwise, and a dot that would make
// its line a request.
func roff(text string) string {
	text = "\n" + text
	text = strings.NewReplacer(`\`, `\e`, `-`, `\-`, "`", "\\`", "'", `\(aq`, "\n.", "\n\\&.").Replace(text)
	return strings.TrimPrefix(text, "\n")
}
