package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usage prints how a command with many flags is used, its flags under headings.
func usage(cmd *cobra.Command) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n  %s\n", cmd.UseLine())
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	for _, p := range paragraphs(cmd) {
		fmt.Fprintf(&b, "\n%s:\n%s", p.heading, p.flags.FlagUsages())
	}
	_, err := io.WriteString(cmd.OutOrStderr(), b.String())
	return err
}

// paragraph are the flags under one heading.
type paragraph struct {
	heading string
	flags   *pflag.FlagSet
}

// manyFlags is how many flags need headings.
const manyFlags = 10

// paragraphs are the flags of a command by heading; they keep their order. A
// command with few flags has one paragraph.
func paragraphs(cmd *cobra.Command) []paragraph {
	all := make([]paragraph, len(headings))
	for i, h := range headings {
		all[i] = paragraph{h, pflag.NewFlagSet("", pflag.ContinueOnError)}
		all[i].flags.SortFlags = false
	}
	last, count := len(headings)-1, 0
	cmd.Flags().VisitAll(func(*pflag.Flag) { count++ })
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		row, _ := settingOf(cmd, f.Name)
		i := slices.Index(headings, row.heading)
		if i < 0 || count < manyFlags {
			i = last
		}
		all[i].flags.AddFlag(f)
	})
	if count < manyFlags {
		all[last].heading = "Options"
	}
	return slices.DeleteFunc(all, func(p paragraph) bool { return !p.flags.HasFlags() })
}
