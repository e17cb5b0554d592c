//go:build cgo

package native

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"
)

// pipeSize is the most that an ordinary user may ask for by default.
// Source of the rule: pipe(7), /proc/sys/fs/pipe-max-size.
const pipeSize = 1 << 20

// create makes the container with its first process, which waits to be told to
// execute the command.
func (s *shim) create(config *configs.Config) error {
	if err := os.Mkdir(s.privatePath(privateState), 0o700); err != nil {
		return err
	}
	container, err := libcontainer.Create(s.privatePath(privateState), s.id(), config)
	if err != nil {
		return fmt.Errorf("make container: %w", err)
	}
	s.container = container
	ends, err := s.streams()
	if err != nil {
		return err
	}
	defer ends.close()
	process := &libcontainer.Process{
		Args:             s.Command,
		Env:              environ(s.Env),
		Cwd:              s.Dir,
		UID:              s.user.uid,
		GID:              s.user.gid,
		AdditionalGroups: s.user.groups,
		Stdin:            ends.stdin,
		Stdout:           ends.stdout,
		Stderr:           ends.stderr,
		ExtraFiles:       []*os.File{ends.failure}, // becomes fdFailure
		Init:             true,
	}
	if err := container.Start(process); err != nil {
		return s.explainStart(err)
	}
	s.process = process
	return nil
}

// containerEnds are the container's ends of its streams.
type containerEnds struct{ stdin, stdout, stderr, failure *os.File }

func (c *containerEnds) close() {
	for _, f := range []*os.File{c.stdin, c.stdout, c.stderr, c.failure} {
		if f != nil {
			_ = f.Close()
		}
	}
}

func (s *shim) streams() (*containerEnds, error) {
	var c containerEnds
	err := errors.Join(
		s.stdin(&c.stdin),
		s.pipe(&s.out[0], &c.stdout),
		s.pipe(&s.out[1], &c.stderr),
		s.pipe(&s.failure, &c.failure),
	)
	if err != nil {
		c.close()
		return nil, err
	}
	return &c, nil
}

func (s *shim) stdin(f **os.File) (err error) {
	if !s.Stdin {
		*f, err = os.Open(os.DevNull)
		return err
	}
	*f = os.NewFile(fdStdin, "stdin")
	return (*f).Chown(s.user.uid, -1)
}

// pipe makes a pipe that belongs to the container's user, who may want to open
// it again as /dev/stdout.
func (s *shim) pipe(read, write **os.File) error {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return os.NewSyscallError("pipe", err)
	}
	*read, *write = os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe")
	// A user with many pipes gets small ones; that costs speed only.
	_, _ = unix.FcntlInt(uintptr(fds[0]), unix.F_SETPIPE_SZ, pipeSize)
	return os.NewSyscallError("fchown", unix.Fchown(fds[1], s.user.uid, -1))
}

func environ(env map[string]string) []string {
	out := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, name+"="+env[name])
	}
	return out
}
