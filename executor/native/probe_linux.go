//go:build cgo

package native

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// runcModule is the library whose version Probe tells.
const runcModule = "github.com/opencontainers/runc"

// Probe tries what containers need, in namespaces that are gone at once. It
// leaves nothing but the executor's own, empty folder.
//
// Errors: executor.ErrUnsupported where no container can be started at all,
// with the way out, or a folder that cannot be written to.
func (e *Executor) Probe(ctx context.Context) (executor.Info, error) {
	info := executor.Info{Name: Name, Version: runcVersion()}
	tried, err := e.try(ctx)
	if err != nil {
		return info, fmt.Errorf("native executor: %w", err)
	}
	yes := executor.Ability{OK: true}
	info.Features = e.settingAbilities()
	maps.Copy(info.Features, map[executor.Feature]executor.Ability{
		executor.FeatureMemoryLimit: e.limitAbility("memory"),
		executor.FeatureCPULimit:    e.limitAbility("cpu"),
		executor.FeatureUsers:       e.usersAbility(),
		executor.FeatureNetworkNone: ability(tried.Network, "a network namespace cannot be made: %s"),
		executor.FeatureNetworkHost: yes,
		executor.FeatureVolumes:     yes,
		executor.FeatureOverlay:     ability(tried.Overlay, "%s; the root file system of each container is copied instead, which takes longer"),
		executor.FeatureSeccomp:     seccompAbility(),
		executor.FeatureStdin:       yes,
		executor.FeatureSplitOutput: yes,
	})
	return info, nil
}

func ability(trouble, format string) executor.Ability {
	if trouble == "" {
		return executor.Ability{OK: true}
	}
	return executor.Ability{Why: fmt.Sprintf(format, trouble)}
}

func (e *Executor) usersAbility() executor.Ability {
	if e.rootless {
		return executor.Ability{Why: "without root, containers run as root only, which is you on this machine"}
	}
	return executor.Ability{OK: true}
}

func seccompAbility() executor.Ability {
	if !seccompBuilt {
		return executor.Ability{Why: "this program was built without it; build with -tags seccomp, with libseccomp installed"}
	}
	return executor.Ability{OK: true}
}

func runcVersion() string {
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, m := range build.Deps {
			if m.Path == runcModule {
				return "runc " + m.Version
			}
		}
	}
	return "runc"
}

// trial is what the probing process found.
type trial struct {
	// Fatal is why no container can be started; the others say what is missing.
	Fatal, Overlay, Network string
}

func (e *Executor) try(ctx context.Context) (trial, error) {
	var t trial
	if ctx.Err() != nil {
		return t, context.Cause(ctx)
	}
	if err := os.MkdirAll(e.containers, 0o700); err != nil {
		return t, err
	}
	dir, err := os.MkdirTemp(e.containers, prefixNew)
	if err != nil {
		return t, err
	}
	t, err = e.tryIn(ctx, dir)
	return t, errors.Join(err, removeTree(dir))
}

func (e *Executor) tryIn(ctx context.Context, dir string) (trial, error) {
	var t trial
	for _, sub := range []string{"1", "2", dirPrivate} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return t, err
		}
	}
	cmd := again(roleProbe, e.rootless)
	cmd.Args = append(cmd.Args, dir)
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return t, context.Cause(ctx)
	case errors.As(err, &exit):
		return t, fmt.Errorf("probe: %w", err)
	case err != nil:
		return t, startError(err, e.rootless)
	}
	if err := json.Unmarshal(out, &t); err != nil {
		return t, fmt.Errorf("probe: %w", err)
	}
	if t.Fatal != "" {
		return t, &shimError{text: t.Fatal, kind: executor.ErrUnsupported}
	}
	return t, nil
}

// probeMain tries what a shim does. The answer is on its standard output.
func probeMain() int {
	if len(os.Args) != 2 {
		return 2
	}
	rootless := inUserNamespace()
	s := shim{
		request: request{Folder: folder(os.Args[1]), Rootless: rootless},
		private: folder(os.Args[1]).path(dirPrivate),
	}
	var t trial
	if err := s.enter(); err != nil {
		t.Fatal = err.Error()
	} else {
		o := overlay{layers: []string{s.Folder.path("1"), s.Folder.path("2")}, folder: string(s.Folder), rootless: rootless}
		if err := o.mount(s.privatePath(privateRootfs)); err != nil {
			t.Overlay = err.Error()
		}
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Network = err.Error()
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(t); err != nil {
		return 1
	}
	return 0
}
