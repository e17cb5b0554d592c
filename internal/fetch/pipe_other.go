//go:build !unix

package fetch

import (
	"context"
	"os"
)

// openPipe opens a named pipe: without pipes in the file system there is
// nothing to wait for.
func openPipe(_ context.Context, name string) (*os.File, error) { return os.Open(name) }
