package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gitlab.com/f5-pwe/kog/v3/internal/fetch"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// projectNames are the names of a project's config file. The first that is
// there counts.
var projectNames = []string{"kog.yaml", "kog.yml"}

// maxConfigBytes is the size of a config file.
const maxConfigBytes = 1 << 20

// configFile is one that was read.
type configFile struct {
	// name is its absolute path.
	name     string
	project  bool
	settings []job.ConfigEntry
}

func (f configFile) kind() string {
	if f.project {
		return "project"
	}
	return "user"
}

// readFiles reads the project's config file and the user's, where they exist.
func (r *resolution) readFiles(ctx context.Context, s *IO, jobFile string) error {
	known := configKeys(s)
	if err := r.readProject(ctx, jobFile, known); err != nil {
		return err
	}
	name := userConfig(s)
	if name == "" || !regular(name) {
		return nil
	}
	found, err := readConfig(ctx, name, known)
	if errors.Is(err, job.ErrIsJob) {
		return fmt.Errorf("config file %s: %w", name, err)
	}
	r.files = append(r.files, configFile{name: name, settings: found})
	return err
}

// readProject looks for a config file beside the job and above it. The search
// ends at a folder with .git in it, and before one that is everybody's, such as
// /tmp: what lies there may be anybody's.
func (r *resolution) readProject(ctx context.Context, jobFile string, known []job.ConfigKey) error {
	dir, err := projectStart(jobFile)
	if err != nil {
		return err
	}
	for last := ""; dir != last && !everybodys(dir); last, dir = dir, filepath.Dir(dir) {
		for _, base := range projectNames {
			name := filepath.Join(dir, base)
			if !regular(name) || same(name, jobFile) {
				continue
			}
			found, err := readConfig(ctx, name, known)
			if errors.Is(err, job.ErrIsJob) {
				r.jobs = append(r.jobs, name)
				continue
			}
			r.files = append(r.files, configFile{name: name, project: true, settings: found})
			return err
		}
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			break
		}
	}
	return nil
}

// projectStart is the folder of the job file, and the working directory for a
// job from elsewhere.
func projectStart(jobFile string) (string, error) {
	dir := "."
	if jobFile != "" && jobFile != "-" && !strings.Contains(jobFile, "://") {
		dir = filepath.Dir(jobFile)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("look for a config file: %w", err)
	}
	return dir, nil
}

// userConfig is the path of the user's config file, empty when no folder for it
// is known.
//
// Source of the rule: XDG Base Directory Specification, and os.UserConfigDir.
func userConfig(s *IO) string {
	dir, _ := s.Lookup("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		var err error
		if dir, err = os.UserConfigDir(); err != nil {
			return ""
		}
	}
	return filepath.Join(dir, "kog", "config.yaml")
}

func regular(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

func same(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// everybodys reports whether everybody may put files into a folder.
func everybodys(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.Mode()&fs.ModeSticky != 0 && info.Mode().Perm()&0o002 != 0
}

func readConfig(ctx context.Context, name string, known []job.ConfigKey) ([]job.ConfigEntry, error) {
	doc, err := fetch.Read(ctx, name, fetch.Options{MaxBytes: maxConfigBytes})
	if err != nil {
		return nil, fmt.Errorf("config file: %w", err)
	}
	return job.ParseConfig(name, doc.Data, known)
}

// configKeys are the keys of a config file. Values are tried on the flags of
// commands that are never run.
func configKeys(s *IO) []job.ConfigKey {
	var keys []job.ConfigKey
	forEachFlag(newRootCommand(s), func(cmd *cobra.Command, f *pflag.Flag) {
		row, ok := settingOf(cmd, f.Name)
		if !ok || slices.ContainsFunc(keys, func(k job.ConfigKey) bool { return k.Name == row.name }) {
			return
		}
		_, list := f.Value.(pflag.SliceValue)
		keys = append(keys, job.ConfigKey{
			Name: row.name, List: list, Secret: row.shown != nil,
			Check: func(text string) error { return setFlag(f, row, []string{text}) },
		})
	})
	return keys
}

// forEachFlag visits the flags of all commands.
func forEachFlag(cmd *cobra.Command, visit func(*cobra.Command, *pflag.Flag)) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { visit(cmd, f) })
	for _, sub := range cmd.Commands() {
		forEachFlag(sub, visit)
	}
}
