//go:build cgo

package native

import (
	"os"
	"runtime"
	"runtime/debug"
	"syscall"

	_ "github.com/opencontainers/cgroups/devices" // without it the library refuses to set device rules
	"github.com/opencontainers/runc/libcontainer"
	_ "github.com/opencontainers/runc/libcontainer/nsenter" // enters namespaces before the Go runtime starts
	"golang.org/x/sys/unix"
)

// Init must be the first call of main, and of TestMain in tests. It returns at
// once, unless this process was started by the package itself, as the shim or
// the first process of a container: then it does that work and never returns.
func Init() {
	switch {
	case os.Args[0] == roleShim && len(os.Args) == 2 && os.Args[1] == "init":
		containerInit()
	// The exit is straight, past the hooks of os.Exit: there is nothing to flush,
	// and the race detector would make it last a second.
	case os.Args[0] == roleShim:
		syscall.Exit(shimMain())
	case os.Args[0] == roleProbe:
		syscall.Exit(probeMain())
	}
}

// fdFailure is where a container's first process writes why it could not
// execute the command. It is closed when the command is being executed.
const fdFailure = 3

// containerInit is the first process of a container until it executes the
// command. The library writes its last words to the standard error, which is
// the container's; os.Stderr is replaced so that they reach the shim instead.
func containerInit() {
	debug.SetGCPercent(-1) // it lives for milliseconds
	unix.CloseOnExec(fdFailure)
	defer runtime.KeepAlive(os.Stderr) // else the collector would close it
	os.Stderr = os.NewFile(fdFailure, "failure")
	libcontainer.Init() // does not return
}
