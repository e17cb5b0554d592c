package cli

import (
	"context"
	"log/slog"
	"slices"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
	"gitlab.com/f5-pwe/kog/v3/executor/kube"
)

type rehearsing struct{ executor.Executor }

func (rehearsing) Rehearse(context.Context, executor.Spec) error { return nil }

// TestAnswerHidesNothing: an executor whose answer is kept can do what it could
// before, and no more.
func TestAnswerHidesNothing(t *testing.T) {
	host := fake.NewHost()
	defer host.Close()
	plain := host.Executor()
	for _, exec := range []executor.Executor{plain, rehearsing{plain}} {
		kept := withAnswer(exec, executor.Info{Name: "kept"})
		if info, err := kept.Probe(t.Context()); err != nil || info.Name != "kept" {
			t.Errorf("Probe gives %+v, %v; want the answer that was kept", info, err)
		}
		_, want := exec.(executor.Rehearser)
		if _, got := kept.(executor.Rehearser); got != want {
			t.Errorf("%T: a Rehearser after its answer was kept: %v, want %v", exec, got, want)
		}
	}
}

// TestAutoLeavesOutWhatIsAskedFor: whoever wants a cluster says so.
func TestAutoLeavesOutWhatIsAskedFor(t *testing.T) {
	if i := slices.IndexFunc(executors, func(e entry) bool { return e.name == kube.Name }); i < 0 || !executors[i].asked {
		t.Error("auto may take a cluster")
	}
	host := fake.NewHost()
	defer host.Close()
	defer func(all []entry) { executors = all }(executors)
	made := ""
	maker := func(name string) func(executorOptions) (executor.Executor, error) {
		return func(executorOptions) (executor.Executor, error) {
			made += name
			return host.Executor(), nil
		}
	}
	executors = []entry{{name: "far", asked: true, new: maker("far")}, {name: "near", new: maker("near")}}
	for name, want := range map[string]string{autoExecutor: "near", "far": "far"} {
		made = ""
		if _, err := newExecutor(t.Context(), name, executorOptions{log: slog.New(slog.DiscardHandler)}); err != nil || made != want {
			t.Errorf("%s makes %q, %v; want %s", name, made, err, want)
		}
	}
}
