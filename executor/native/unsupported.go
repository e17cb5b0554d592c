//go:build !linux || !cgo

package native

import (
	"context"
	"fmt"
	"runtime"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Executor cannot run anything in this build; see the package comment.
type Executor struct{}

var _ executor.Executor = (*Executor)(nil)

// Init does nothing in this build.
func Init() {}

// New returns an executor whose methods say why they cannot be used.
func New(Options) (*Executor, error) { return &Executor{}, nil }

func unsupported() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("native executor: containers need Linux, this is %s: %w", runtime.GOOS, executor.ErrUnsupported)
	}
	return fmt.Errorf("native executor: this program was built without cgo; build it with CGO_ENABLED=1 and a C compiler: %w", executor.ErrUnsupported)
}

// Probe returns executor.ErrUnsupported.
func (*Executor) Probe(context.Context) (executor.Info, error) {
	return executor.Info{Name: Name}, unsupported()
}

// Resolve returns executor.ErrUnsupported.
func (*Executor) Resolve(context.Context, executor.ImageRequest) (executor.Image, error) {
	return executor.Image{}, unsupported()
}

// Start returns executor.ErrUnsupported.
func (*Executor) Start(context.Context, executor.Spec) (executor.Process, error) {
	return nil, unsupported()
}

// Attach returns executor.ErrUnsupported.
func (*Executor) Attach(context.Context, executor.Handle) (executor.Process, error) {
	return nil, unsupported()
}

// Sweep returns executor.ErrUnsupported.
func (*Executor) Sweep(context.Context, map[string]string) (int, error) {
	return 0, unsupported()
}
