//go:build cgo

package native

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// pump moves what the container writes from its pipes to files, in the kernel.
// The container never gets the files themselves: "> /dev/stdout" would truncate
// them.
type pump struct {
	pipes [2]*os.File
	files [2]*os.File
	// over is readable when the container has ended.
	over, ending *os.File
	bell         ringer
}

// pumped is what became of the output.
type pumped struct {
	lengths [2]int64
	err     error // what stopped it before the end
}

func newPump(f folder, pipes [2]*os.File, bell ringer) (*pump, error) {
	p := &pump{pipes: pipes, bell: bell}
	var err error
	for i, name := range []string{fileStdout, fileStderr} {
		if p.files[i], err = os.OpenFile(f.path(name), os.O_WRONLY, 0); err != nil {
			return nil, err
		}
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("pipe", err)
	}
	p.over, p.ending = os.NewFile(uintptr(fds[0]), "over"), os.NewFile(uintptr(fds[1]), "ending")
	return p, nil
}

// end says that the container has ended: what is in its pipes now is all.
// Processes outside of the container that got hold of a pipe are not waited for.
func (p *pump) end() { _ = p.ending.Close() }

// run moves the output until the container has ended and its pipes are empty.
func (p *pump) run() pumped {
	var out pumped
	open := [2]bool{true, true}
	for open[0] || open[1] {
		over, err := p.poll(open)
		if err != nil {
			out.err = err
			return out
		}
		for i := range p.pipes {
			if !open[i] {
				continue
			}
			n, more, err := p.move(i)
			out.lengths[i] += n
			if err != nil {
				out.err = err
				return out
			}
			open[i] = more && (n > 0 || !over)
			if n > 0 {
				p.bell.ring()
			}
		}
	}
	return out
}

// poll waits until there is something to do, and reports whether the container
// has ended.
func (p *pump) poll(open [2]bool) (over bool, err error) {
	fds := []unix.PollFd{{Fd: int32(p.over.Fd())}, {Fd: -1, Events: unix.POLLIN}, {Fd: -1, Events: unix.POLLIN}}
	for i, pipe := range p.pipes {
		if open[i] {
			fds[i+1].Fd = int32(pipe.Fd())
		}
	}
	for {
		_, err := unix.Poll(fds, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return fds[0].Revents != 0, os.NewSyscallError("poll", err)
	}
}

// move moves what is in a pipe. more is false at its end.
func (p *pump) move(i int) (n int64, more bool, err error) {
	for {
		n, err := unix.Splice(int(p.pipes[i].Fd()), nil, int(p.files[i].Fd()), nil, pipeSize, unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return 0, true, nil
		case err != nil:
			return 0, false, fmt.Errorf("write %s: %w", p.files[i].Name(), os.NewSyscallError("splice", err))
		default:
			return n, n > 0, nil
		}
	}
}

// ringer is the shim's end of the bell.
type ringer struct{ pipe *os.File }

func newRinger(pipe *os.File) ringer {
	// Nobody may hold up the shim by not listening.
	_ = unix.SetNonblock(int(pipe.Fd()), true)
	return ringer{pipe: pipe}
}

// ring says that there is new output. If it cannot be heard, because nobody is
// there or because it has been said often enough, that is all right.
func (r ringer) ring() { _, _ = unix.Write(int(r.pipe.Fd()), []byte{1}) }

func (r ringer) close() { _ = r.pipe.Close() }
