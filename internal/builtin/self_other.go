//go:build !linux

package builtin

import (
	"fmt"
	"runtime"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

func selfFiles() ([]file, error) { return nil, errNotLinux() }

func selfKey() (string, error) { return "", errNotLinux() }

func errNotLinux() error {
	return fmt.Errorf("it is made from the running program, which is built for %s and not for linux; use an image from a registry: %w",
		runtime.GOOS, executor.ErrUnsupported)
}
