//go:build !linux || !cgo

package native_test

import (
	"errors"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/native"
)

// TestUnsupported: this build says that it cannot run containers, and why.
func TestUnsupported(t *testing.T) {
	native.Init()
	e, err := native.New(native.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, probe := e.Probe(t.Context())
	_, resolve := e.Resolve(t.Context(), executor.ImageRequest{})
	_, start := e.Start(t.Context(), executor.Spec{})
	_, attach := e.Attach(t.Context(), executor.Handle{})
	_, sweep := e.Sweep(t.Context(), nil)
	for name, err := range map[string]error{"Probe": probe, "Resolve": resolve, "Start": start, "Attach": attach, "Sweep": sweep} {
		if !errors.Is(err, executor.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
