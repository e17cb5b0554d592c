//go:build cgo

package native

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// shimRecord is the file shim: which process it is, and what else than the
// folder belongs to the container.
type shimRecord struct {
	// PID is as the process saw it that started the shim, and Start is its start
	// time in clock ticks after boot: together they name one process for ever.
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
	// Cgroups are the container's, as the host sees them.
	Cgroups []string `json:"cgroups,omitempty"`
}

var errNoShim = errors.New("no shim yet")

// shimProcess is a shim that was alive when it was opened. It cannot be taken
// for another process that got its number later.
type shimProcess struct {
	pid   int
	pidfd *os.File
}

func (f folder) shimRecord() (shimRecord, error) {
	var r shimRecord
	data, err := os.ReadFile(f.path(fileShim))
	if errors.Is(err, fs.ErrNotExist) {
		return r, errNoShim
	}
	if err != nil {
		return r, err
	}
	if json.Unmarshal(data, &r) != nil || r.PID <= 0 {
		return r, errNoShim // it is being written
	}
	return r, nil
}

// openShim finds the shim's process. One that has ended is opened too; only
// waiting for it makes sense. errNoShim means that there is none yet.
func (f folder) openShim() (*shimProcess, error) {
	r, err := f.shimRecord()
	if err != nil {
		return nil, err
	}
	fd, err := unix.PidfdOpen(r.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return &shimProcess{pid: r.PID}, nil
	}
	if err != nil {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	s := &shimProcess{pid: r.PID, pidfd: os.NewFile(uintptr(fd), "pidfd")}
	if start, err := startTime(strconv.Itoa(r.PID)); err != nil || start != r.Start {
		s.close()
		return &shimProcess{pid: r.PID}, nil
	}
	return s, nil
}

func (s *shimProcess) close() {
	if s.pidfd != nil {
		_ = s.pidfd.Close()
	}
}

// signal sends a signal; to a process that has ended it does nothing.
func (s *shimProcess) signal(sig unix.Signal) error {
	if s.pidfd == nil {
		return nil
	}
	err := unix.PidfdSendSignal(int(s.pidfd.Fd()), sig, nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return os.NewSyscallError("pidfd_send_signal", err)
}

func (s *shimProcess) kill() error { return s.signal(unix.SIGKILL) }

// wait waits until the process and all in its PID namespace have ended.
func (s *shimProcess) wait(ctx context.Context) error {
	if s.pidfd == nil {
		return nil
	}
	fds := []unix.PollFd{{Fd: int32(s.pidfd.Fd()), Events: unix.POLLIN}}
	stop, err := interrupter(ctx)
	if err != nil {
		return err
	}
	defer stop.close()
	fds = append(fds, unix.PollFd{Fd: int32(stop.read.Fd()), Events: unix.POLLIN})
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return os.NewSyscallError("poll", err)
		case fds[0].Revents != 0:
			return nil
		default:
			return context.Cause(ctx)
		}
	}
}

func (f folder) signalShim(sig unix.Signal) error {
	s, err := f.openShim()
	if err != nil {
		return fmt.Errorf("find its shim: %w", err)
	}
	defer s.close()
	return s.signal(sig)
}

// startTime is when a process was started, in clock ticks after boot.
// Source of the rule: proc_pid_stat(5), field 22.
func startTime(pid string) (uint64, error) {
	data, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, err
	}
	// The second field is a name in parentheses that may hold anything.
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	const after = 22 - 3
	if len(fields) <= after {
		return 0, fmt.Errorf("/proc/%s/stat: %d fields", pid, len(fields))
	}
	return strconv.ParseUint(string(fields[after]), 10, 64)
}

// interrupt becomes readable when a context ends, for a poll.
type interrupt struct {
	read, write *os.File
	stop        func() bool
}

func interrupter(ctx context.Context) (*interrupt, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	i := &interrupt{read: r, write: w}
	i.stop = context.AfterFunc(ctx, func() { _, _ = w.Write([]byte{0}) })
	return i, nil
}

func (i *interrupt) close() {
	i.stop()
	_ = i.write.Close()
	_ = i.read.Close()
}
