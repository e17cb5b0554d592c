package cli

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gitlab.com/f5-pwe/kog/v3/internal/logs"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// origin is where the value of a flag came from.
type origin struct {
	// Source is flag, variable, file or default.
	Source string `json:"source"`
	// Name is that of the variable or the file.
	Name string `json:"name,omitempty"`
	Line int    `json:"line,omitempty"`
}

func (o origin) String() string {
	if o.Source == "file" {
		return fmt.Sprintf("%s:%d", o.Name, o.Line)
	}
	return strings.TrimSpace(o.Source + " " + o.Name)
}

// resolution is where the flags of one command got their values.
type resolution struct {
	// origins are by flag. Those that are not in it have their default.
	origins map[string]origin
	files   []configFile
	// jobs are files with the name of a config file that are jobs.
	jobs []string
}

// bindSettings makes every flag of every command take its value, when it is not
// given, from its variable or from a config file, and says which files were
// read.
func bindSettings(root *cobra.Command, s *IO) {
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		r, err := resolve(cmd.Context(), cmd, s)
		if err == nil {
			r.announce(cmd, s)
		}
		return err
	}
}

// resolve gives the flags that are not given the value of their variable, else
// of the project's config file, else of the user's.
func resolve(ctx context.Context, cmd *cobra.Command, s *IO) (*resolution, error) {
	r := &resolution{origins: map[string]origin{}}
	byName := map[string]*pflag.Flag{}
	var err error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		row, ok := settingOf(cmd, f.Name)
		if ok {
			byName[row.name] = f
		}
		if err == nil && f.Name != "help" {
			err = r.fromVariable(f, row, s)
		}
	})
	if err != nil || len(byName) == 0 {
		return r, err
	}
	jobFile := ""
	if f := byName["file"]; f != nil {
		jobFile = f.Value.String()
	}
	if err := r.readFiles(ctx, s, jobFile); err != nil {
		return nil, err
	}
	for _, file := range r.files {
		for _, set := range file.settings {
			if f := byName[set.Name]; f != nil && !f.Changed {
				if err := r.fromFile(f, file, set); err != nil {
					return nil, err
				}
			}
		}
	}
	return r, nil
}

// fromVariable looks at the flag itself and at its variable, in which a list
// has one value per line.
func (r *resolution) fromVariable(f *pflag.Flag, row setting, s *IO) error {
	if f.Changed {
		r.origins[f.Name] = origin{Source: "flag"}
		if err := row.check(f.Value.String()); err != nil && f.Value.String() != f.DefValue {
			return fmt.Errorf("--%s: %w", f.Name, err)
		}
		return nil
	}
	text, ok := s.Lookup(row.variable())
	if !ok || text == "" {
		return nil
	}
	values := []string{text}
	if _, list := f.Value.(pflag.SliceValue); list {
		values = strings.Split(strings.TrimRight(text, "\n"), "\n")
	}
	r.origins[f.Name] = origin{Source: "variable", Name: row.variable()}
	if err := setFlag(f, row, values); err != nil {
		return fmt.Errorf("environment variable %s: %w", row.variable(), err)
	}
	return nil
}

func (r *resolution) fromFile(f *pflag.Flag, file configFile, set job.ConfigEntry) error {
	row := settingNamed(set.Name)
	values := make([]string, len(set.Values))
	for i, v := range set.Values {
		values[i] = row.from(filepath.Dir(file.name), v)
	}
	r.origins[f.Name] = origin{Source: "file", Name: file.name, Line: set.At.Line}
	if err := setFlag(f, row, values); err != nil {
		return &job.SyntaxError{File: file.name, Line: set.At.Line, Column: set.At.Column, Err: fmt.Errorf("%s: %w", set.Name, err)}
	}
	return nil
}

// wanted says what a flag of a type takes.
var wanted = map[string]string{
	"bool": "true or false", "int": "a whole number", "duration": "a time such as 30s, 10m or 1h30m",
}

// setFlag makes a flag one that was given. Its value is replaced.
func setFlag(f *pflag.Flag, row setting, values []string) error {
	f.Changed = true
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return list.Replace(values)
	}
	if err := row.check(values[0]); err != nil {
		return err
	}
	err := f.Value.Set(values[0])
	if want := wanted[f.Value.Type()]; err != nil && want != "" {
		return fmt.Errorf("want %s, not %q", want, values[0])
	}
	return err
}

// announce says which config files were read. A project cannot hide that by
// asking for quiet itself.
func (r *resolution) announce(cmd *cobra.Command, s *IO) {
	value := func(flag string) string {
		if f := cmd.Flags().Lookup(flag); f != nil {
			return f.Value.String()
		}
		return ""
	}
	asked := r.origins["output"]
	byProject := len(r.files) > 0 && r.files[0].project && asked.Name == r.files[0].name
	if value("output") == "quiet" && !byProject {
		return
	}
	log, err := logs.New(s.Err, cmp.Or(value("log-formatter"), "logfmt"), slog.LevelInfo)
	if err != nil {
		return // the format is among the choices
	}
	for _, name := range r.jobs {
		log.Info("a job, not read as config file", "file", name)
	}
	var names []any
	for _, file := range r.files {
		names = append(names, file.kind(), file.name)
	}
	if names != nil {
		log.Info("config files read", names...)
	}
}
