// Package probe is the program that the containers of the contract suite run.
//
// It speaks to its surroundings through Proc only. So the same code is the
// static binary of a real image (see the folder cmd) and a function inside an
// executor that has no processes at all.
package probe

import (
	"context"
	"io"
	"io/fs"
)

// Proc is everything that the program sees of the world.
type Proc struct {
	// Args is the command line, the program's own name first.
	Args []string
	// Env holds NAME=VALUE.
	Env []string
	// Dir is the working directory.
	Dir      string
	UID, GID int

	Stdin          io.Reader
	Stdout, Stderr io.Writer

	FS     FS
	Kernel Kernel
}

// FS is the file system of the container. Names are absolute. Errors match
// fs.ErrNotExist, and fs.ErrPermission also on read-only file systems.
type FS interface {
	ReadFile(name string) ([]byte, error)
	// WriteFile makes the file or replaces its content.
	WriteFile(name string, data []byte) error
	// AppendFile makes the file or adds to its end.
	AppendFile(name string, data []byte) error
	// Mkdir makes one directory.
	Mkdir(name string) error
	Mode(name string) (fs.FileMode, error)
	// Open opens what is there, to read or to write, and closes it again.
	Open(name string, write bool) error
	// Size is how many bytes the file system of a directory can hold.
	Size(name string) (int64, error)
}

// Kernel is what the program asks of the system below it.
type Kernel interface {
	// Catch replaces the effect of SIGTERM, which otherwise ends the program
	// with code 143: from now on each one is a value in the channel.
	Catch() <-chan struct{}
	// Die ends the program by a real signal, "SIGKILL" or "SIGSEGV". When it
	// returns, the program has to return as well.
	Die(signal string) error
	// Grow takes that many bytes of memory and touches each page. When it
	// returns an error, the program has to return as well.
	Grow(bytes int64) error
	// Spawn starts the program once more beside this one, with the given
	// arguments and the same outputs.
	Spawn(args ...string) error
	// PID is the number of the program's process in its container.
	PID() int
	// Orphan leaves a process behind that has lost its parent and has ended,
	// and waits until somebody has collected it.
	Orphan(ctx context.Context) error
	// Abandon starts the program once more, to end at once, and gives the
	// number of its process, for which it does not wait.
	Abandon() (pid int, err error)
}
