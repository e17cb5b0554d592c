package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/docker"
	"gitlab.com/f5-pwe/kog/v3/executor/kube"
	"gitlab.com/f5-pwe/kog/v3/executor/native"
	"gitlab.com/f5-pwe/kog/v3/internal/builtin"
)

// autoExecutor takes the first of executors that answers, apart from those that
// have to be asked for.
const autoExecutor = "auto"

// autoPatience is how long auto waits for an engine that does not answer.
const autoPatience = 10 * time.Second

type executorOptions struct {
	stateDir string
	log      *slog.Logger
}

// entry is an executor of this build.
type entry struct {
	name string
	new  func(executorOptions) (executor.Executor, error)
	// asked: auto leaves it out, it is for those who ask for it.
	asked bool
}

// executors are those of this build, in the order in which auto tries them.
var executors = []entry{
	{name: docker.Name, new: func(o executorOptions) (executor.Executor, error) { return docker.New(o.docker()) }},
	{name: docker.PodmanName, new: func(o executorOptions) (executor.Executor, error) { return docker.NewPodman(o.docker()) }},
	{name: native.Name, new: func(o executorOptions) (executor.Executor, error) {
		return native.New(native.Options{Dir: filepath.Join(o.stateDir, native.Name), Logger: o.log, Builtin: builtin.Images{}})
	}},
	{name: kube.Name, asked: true, new: func(o executorOptions) (executor.Executor, error) {
		return kube.New(kube.Options{Logger: o.log})
	}},
}

func (o executorOptions) docker() docker.Options {
	return docker.Options{Dir: filepath.Join(o.stateDir, "files"), Builtin: builtin.Images{}, Logger: o.log}
}

func executorNames() string {
	names := []string{autoExecutor}
	for _, e := range executors {
		names = append(names, e.name)
	}
	return strings.Join(names, ", ")
}

// newExecutor makes the executor of a name. For auto it is the first that
// answers, and the choice is logged.
func newExecutor(ctx context.Context, name string, o executorOptions) (executor.Executor, error) {
	var refused []error
	for _, e := range executors {
		if name != e.name && (name != autoExecutor || e.asked) {
			continue
		}
		exec, err := e.new(o)
		if err == nil && name == e.name {
			return exec, nil
		}
		var info executor.Info
		if err == nil {
			info, err = probe(ctx, exec)
		}
		if err == nil {
			o.log.Info("executor chosen", "executor", e.name, "reason", because(refused))
			return withAnswer(exec, info), nil
		}
		if name == e.name {
			return nil, fmt.Errorf("executor %s: %w", name, err)
		}
		refused = append(refused, fmt.Errorf("%s: %w", e.name, err))
	}
	if refused == nil {
		return nil, fmt.Errorf("unknown executor %q: this build has %s", name, executorNames())
	}
	return nil, fmt.Errorf("no executor can be used, 'kog doctor' says more: %w", errors.Join(refused...))
}

func probe(ctx context.Context, exec executor.Executor) (executor.Info, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, autoPatience, fmt.Errorf("no answer within %s: %w", autoPatience, executor.ErrUnreachable))
	defer cancel()
	return exec.Probe(ctx)
}

// probed is an executor that has answered already.
type probed struct {
	executor.Executor
	info executor.Info
}

// Probe gives the answer again.
func (p probed) Probe(context.Context) (executor.Info, error) { return p.info, nil }

// withAnswer keeps an answer, and all that the executor can do.
func withAnswer(exec executor.Executor, info executor.Info) executor.Executor {
	p := probed{exec, info}
	if rehearser, ok := exec.(executor.Rehearser); ok {
		return struct {
			probed
			executor.Rehearser
		}{p, rehearser}
	}
	return p
}

func because(refused []error) string {
	if len(refused) == 0 {
		return "it is the first that can be used here"
	}
	reasons := make([]string, len(refused))
	for i, err := range refused {
		reasons[i] = err.Error()
	}
	return strings.Join(reasons, "; ")
}
