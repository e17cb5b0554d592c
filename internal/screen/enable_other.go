//go:build !windows

package screen

import "os"

// enable has nothing to do where terminals understand escape sequences.
func enable(*os.File) (restore func(), err error) { return nil, nil }
