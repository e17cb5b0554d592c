package cli

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// tree is every command with its flags, those that cobra adds on its own too.
func tree() *cobra.Command {
	root := newRootCommand(&IO{})
	root.InitDefaultCompletionCmd()
	return root
}

// TestEveryFlagIsASetting holds the table to the flags and the flags to it.
func TestEveryFlagIsASetting(t *testing.T) {
	used := map[string]bool{}
	for _, cmd := range newRootCommand(&IO{}).Commands() {
		forEachFlag(cmd, func(cmd *cobra.Command, f *pflag.Flag) {
			row, ok := settingOf(cmd, f.Name)
			used[row.name] = true
			if !ok && f.Name != "help" {
				t.Errorf("%s --%s has no row in settings", cmd.CommandPath(), f.Name)
			}
			for _, c := range row.choices {
				if !strings.Contains(f.Usage, c) {
					t.Errorf("%s --%s: its help does not name %q, which it takes", cmd.CommandPath(), f.Name, c)
				}
			}
			takes, _ := pflag.UnquoteUsage(f)
			if path := row.path != noPath; path != slices.Contains([]string{"FILE", "FOLDER", "SOURCE:TARGET[:OPTIONS]"}, takes) {
				t.Errorf("%s --%s takes %s, and its row says that it is a path: %t", cmd.CommandPath(), f.Name, takes, path)
			}
			if row.choices != nil && f.DefValue != "" && row.check(f.DefValue) != nil {
				t.Errorf("%s --%s: its default %s is none of its choices", cmd.CommandPath(), f.Name, f.DefValue)
			}
		})
	}
	for _, row := range settings {
		if !used[row.name] {
			t.Errorf("setting %s is the row of no flag", row.name)
		}
		if !slices.Contains(headings, row.heading) && row.heading != "" {
			t.Errorf("setting %s stands under %q, which is no heading", row.name, row.heading)
		}
	}
}

func TestPathsOfConfigFiles(t *testing.T) {
	if filepath.Separator != '/' {
		t.Skip("the paths below are of Unix")
	}
	tests := []struct{ setting, value, want string }{
		{"env-file", "vars.env", "/conf/vars.env"},
		{"env-file", "../vars.env", "/vars.env"},
		{"env-file", "/vars.env", "/vars.env"},
		{"env-file", "https://example.com/vars.env", "https://example.com/vars.env"},
		{"file", "-", "-"},
		{"file", "", ""},
		{"state-dir", "state", "/conf/state"},
		{"volume", "./firmware:/firmware:ro", "/conf/firmware:/firmware:ro"},
		{"volume", "/srv:/firmware", "/srv:/firmware"},
		{"volume", "named:/firmware", "named:/firmware"},
		{"workflow", "run", "run"},
	}
	for _, tc := range tests {
		if got := settingNamed(tc.setting).from("/conf", tc.value); got != tc.want {
			t.Errorf("%s: %s gives %s, want %s", tc.setting, tc.value, got, tc.want)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	tests := []struct{ setting, value, want string }{
		{"env", "TOKEN=hunter2=x", "TOKEN=***"},
		{"env", "TOKEN", "TOKEN"},
		{"file", "https://me:hunter2@example.com/job.yaml?token=hunter2", "https://example.com/job.yaml"},
		{"file", "https://me:hunter2@exa mple.com/%zz", "***"},
		{"file", "https://example.com/job.yaml", "https://example.com/job.yaml"},
		{"file", "job?.yaml", "job?.yaml"},
		{"volume", "/a:/b", "/a:/b"},
	}
	for _, tc := range tests {
		if got := settingNamed(tc.setting).show(tc.value); got != tc.want {
			t.Errorf("%s: %s is shown as %s, want %s", tc.setting, tc.value, got, tc.want)
		}
	}
}
