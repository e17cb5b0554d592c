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

// configuration is what config prints.
type configuration struct {
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

func (o *configOptions) report(ctx context.Context, target *cobra.Command) error {
	resolved, err := resolve(ctx, target, o.io)
	if err != nil {
		return err
	}
	r := configuration{Command: target.CommandPath(), Jobs: resolved.jobs}
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

func (o *configOptions) print(r configuration) error {
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
