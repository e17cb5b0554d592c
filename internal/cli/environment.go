package cli

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/internal/envfile"
	"gitlab.com/f5-pwe/kog/v3/internal/fetch"
)

// environment is what the flags give to every step: base lies under the env of
// the actions, over above it.
type environment struct{ base, over map[string]string }

func (o *runOptions) environment(ctx context.Context) (environment, error) {
	env := environment{over: map[string]string{}}
	if o.importEnv {
		base, err := envfile.Import(o.io.Environ, slices.Concat(o.ignoreEnv, notifyVariables))
		if err != nil {
			return environment{}, fmt.Errorf("--import-current-env: %w", err)
		}
		env.base = base
	}
	for _, source := range o.envFiles {
		doc, err := fetch.Read(ctx, source, fetch.Options{Stdin: o.io.In})
		if err != nil {
			return environment{}, fmt.Errorf("environment file: %w", err)
		}
		vars, err := envfile.Parse(doc.Name, doc.Data, o.io.Lookup)
		if err != nil {
			return environment{}, err
		}
		maps.Copy(env.over, vars)
	}
	for _, arg := range o.env {
		name, value, err := envfile.Flag(arg, o.io.Lookup)
		if err != nil {
			return environment{}, err
		}
		env.over[name] = value
	}
	return env, nil
}

// parseVolumes reads --volume. A source that begins with a dot is a host path
// relative to the working directory, as the docker command takes it.
func parseVolumes(args []string) ([]executor.Volume, error) {
	volumes := make([]executor.Volume, len(args))
	for i, arg := range args {
		if _, _, ok := cutDotted(arg); ok {
			dir, err := os.Getwd()
			if err != nil {
				return nil, fmt.Errorf("--volume %q: %w", arg, err)
			}
			arg = volumeFrom(dir, arg)
		}
		v, err := executor.ParseVolume(arg)
		if err != nil {
			return nil, fmt.Errorf("--volume: %w", err)
		}
		volumes[i] = v
	}
	return volumes, nil
}

// cutDotted cuts a volume whose source begins with a dot.
func cutDotted(arg string) (source, rest string, ok bool) {
	source, rest, ok = strings.Cut(arg, ":")
	dotted := source == "." || source == ".." || strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../")
	return source, rest, ok && dotted
}

// volumeFrom makes a source that begins with a dot one of a folder.
func volumeFrom(dir, arg string) string {
	if source, rest, ok := cutDotted(arg); ok {
		return filepath.Join(dir, source) + ":" + rest
	}
	return arg
}
