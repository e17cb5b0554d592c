//go:build cgo

package native

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// run is the shim's life beside a container whose command is being executed:
// it keeps the output, passes on what it is asked for, and records the end.
func (s *shim) run(signals <-chan os.Signal) error {
	pump, err := newPump(s.Folder, s.out, s.bell)
	if err != nil {
		// Without its output the container must not go on.
		_ = s.process.Signal(unix.SIGKILL)
		_, _ = s.process.Wait()
		return errors.Join(err, s.record(nil, pumped{err: err}))
	}
	type end struct {
		state *os.ProcessState
		err   error
	}
	dead, drained := make(chan end, 1), make(chan pumped, 1)
	go func() { // ends with the container
		state, err := s.process.Wait()
		pump.end()
		dead <- end{state, err}
	}()
	go func() { drained <- pump.run() }() // ends after the container
	for {
		select {
		case sig := <-signals:
			s.obey(sig)
		case p := <-drained:
			if p.err != nil {
				_ = s.process.Signal(unix.SIGKILL)
			}
			d := <-dead
			if d.state == nil {
				return fmt.Errorf("wait for the container: %w", d.err)
			}
			return s.record(d.state, p)
		}
	}
}

// obey passes on what another process asked for; see process.stop.
func (s *shim) obey(sig os.Signal) {
	switch sig {
	case askTerm:
		_ = s.process.Signal(unix.SIGTERM) // an error means that it is over anyway
	case askKill:
		_ = s.process.Signal(unix.SIGKILL)
	}
}

// record writes how the container ended, and removes its cgroup. It is not
// synced: what a power cut makes of it is seen by its length and the lengths
// in it, and counts as lost.
func (s *shim) record(state *os.ProcessState, p pumped) error {
	r := record{Exit: executor.Exit{StartedAt: s.started.UTC(), FinishedAt: time.Now().UTC()}, Stdout: p.lengths[0], Stderr: p.lengths[1]}
	if p.err != nil {
		r.Lost = p.err.Error()
		r.DiskFull = errors.Is(p.err, unix.ENOSPC) || errors.Is(p.err, unix.EDQUOT)
	}
	if state != nil {
		setEnd(&r.Exit, state)
	}
	if r.Code != 0 {
		r.OOMKilled = s.oomKilled()
	}
	err := writeJSON(s.Folder, fileExit, r)
	s.bell.close()
	return errors.Join(err, s.container.Destroy())
}

func setEnd(e *executor.Exit, state *os.ProcessState) {
	status, ok := state.Sys().(syscall.WaitStatus)
	if !ok {
		e.Code = state.ExitCode()
		return
	}
	e.Code = status.ExitStatus()
	if status.Signaled() {
		e.Code, e.Signal = 128+int(status.Signal()), unix.SignalName(status.Signal())
	}
}
