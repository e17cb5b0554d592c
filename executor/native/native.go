// Package native runs containers without a daemon: images in a store of its
// own, namespaces and limits through the runc library, and one small process,
// the shim, beside each container.
//
// The shim is this program, started again under another role. It is the first
// process of a PID namespace, a mount namespace and, without root, a user
// namespace. The container lives in namespaces below them, so the kernel ends
// it with its shim, and no mount ever shows on the host. The shim keeps the
// container's output and end in files, where any process finds them: a
// container outlives the program that started it.
//
// A container is a folder, containers/ID below Options.Dir:
//
//	lock       held by whoever takes care of the container: first the process that starts it, then the shim
//	meta.json  its labels and image
//	shim       which process the shim is
//	started    the command was, or is just about to be, executed; synced to the disk before that
//	stdout     the whole output
//	stderr
//	exit.json  how it ended
//	upper      what the container wrote (rootfs where overlayfs cannot be used)
//
// The folder appears under its name with the lock already held. So a lock that
// is free means that nobody will touch the folder any more: with exit.json the
// container has ended, without it but with started it is lost
// (executor.ErrNotFound), and with neither it was never started and may be
// made again. Whatever is killed when, the command of one ID is not executed
// twice.
//
// Environment values and the content of files go to the shim in memory and are
// never written to the disk.
//
// A program that uses this package must call Init first in main, and tests in
// TestMain. It needs Linux and cgo; every other build has the same functions,
// whose errors are executor.ErrUnsupported.
package native

import (
	"log/slog"

	"gitlab.com/f5-pwe/kog/v3/executor/native/internal/store"
)

// Name is the executor's name in handles and on the command line.
const Name = "native"

// Builtin makes the images that references "builtin:NAME" mean. Key is cheap
// and changes whenever the image would; WriteArchive writes the image in the
// docker-archive format.
type Builtin = store.Builtin

// Options say how the executor works.
type Options struct {
	// Dir is the executor's own folder, made when it is missing. Processes that
	// use the same folder see the same images and containers. A relative path
	// is relative to the working directory of now.
	Dir string
	// Logger hears details; nil discards them.
	Logger *slog.Logger
	// Builtin serves references "builtin:NAME"; nil means there are none.
	Builtin Builtin
}
