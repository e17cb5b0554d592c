package cli

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gitlab.com/f5-pwe/kog/v3/internal/fetch"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// completeValues lets shells complete the values of flags, and no file names
// where none can stand.
func completeValues(root *cobra.Command, s *IO) {
	own := map[string]cobra.CompletionFunc{
		"workflow":   s.completeWorkflow,
		"step":       s.completeStep,
		"network":    cobra.FixedCompletions([]string{"host", "none", "run"}, cobra.ShellCompDirectiveNoFileComp),
		"env":        s.completeVariable,
		"ignore-env": s.completeVariable,
	}
	forEachFlag(root, func(cmd *cobra.Command, f *pflag.Flag) {
		row, ok := settingOf(cmd, f.Name)
		complete := own[row.name]
		if complete == nil {
			complete = row.completion()
		}
		if ok {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, complete) // fails for a flag that is not there, or twice
		}
	})
	for _, cmd := range root.Commands() {
		if cmd.ValidArgsFunction == nil {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
}

// completion is what a row tells about the values.
func (s setting) completion() cobra.CompletionFunc {
	fixed := func(d cobra.ShellCompDirective, values ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(values, d)
	}
	switch s.path {
	case documentPath:
		return fixed(cobra.ShellCompDirectiveFilterFileExt, "yaml", "yml", "json")
	case folderPath:
		return fixed(cobra.ShellCompDirectiveFilterDirs)
	case filePath, volumePath:
		return fixed(cobra.ShellCompDirectiveDefault)
	}
	return fixed(cobra.ShellCompDirectiveNoFileComp, s.choices...)
}

// completeVariable knows the variables of kog's own environment.
func (s *IO) completeVariable(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, v := range s.Environ {
		if name, _, ok := strings.Cut(v, "="); ok && name != "" {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (s *IO) completeWorkflow(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	j := s.jobToComplete(cmd)
	if j == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(j.Workflows)) {
		names = append(names, cobra.CompletionWithDesc(name, "steps: "+strings.Join(j.Workflows[name].Order, ", ")))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (s *IO) completeStep(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	j := s.jobToComplete(cmd)
	if j == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	given, _ := cmd.Flags().GetString("workflow") // empty: the job's own
	wf := j.Workflows[cmp.Or(given, j.CurrentWorkflow)]
	if wf == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, name := range wf.Order {
		names = append(names, cobra.CompletionWithDesc(name, "action "+wf.Steps[name].Action))
	}
	return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// jobToComplete reads the job of the command line, of the settings, or else
// job.yaml, job.yml or job.json. It is nil when there is none that can be read
// at once: completion says nothing about what is wrong.
func (s *IO) jobToComplete(cmd *cobra.Command) *job.Job {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	_, _ = resolve(ctx, cmd, s) // what it found before an error is good enough
	given, _ := cmd.Flags().GetString("file")
	for _, name := range []string{given, "job.yaml", "job.yml", "job.json"} {
		if regular(name) {
			doc, err := fetch.Read(ctx, name, fetch.Options{MaxBytes: job.MaxBytes})
			if err != nil {
				return nil
			}
			j, err := job.Parse(name, doc.Data)
			if err != nil {
				return nil
			}
			return j
		}
		if given != "" {
			return nil
		}
	}
	return nil
}
