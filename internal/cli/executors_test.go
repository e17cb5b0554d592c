package cli

import (
	"context"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
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
