//go:build cgo

package native

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// spawn starts the shim of a container. The shim inherits the lock.
func (e *Executor) spawn(req *request, spec executor.Spec, lock *os.File) (*child, error) {
	files := []*os.File{nil, nil, lock}
	if req.Stdin {
		stdin, err := memory("stdin", spec.Stdin)
		if err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		defer func() { _ = stdin.Close() }()
		files = append(files, stdin)
	}
	log, err := os.OpenFile(req.Folder.path(fileLog), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	answer, end, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = end.Close() }()
	files[fdReply-fdRequest] = end
	process, err := e.launch(req, spec.Files, inheritance{log: log, files: files})
	if err != nil {
		return nil, errors.Join(err, answer.Close())
	}
	return &child{process: process, bell: bell{pipe: answer}}, nil
}

// inheritance is what a shim gets from its parent.
type inheritance struct {
	log   *os.File
	files []*os.File // the first is still to be made: the request
}

// launch starts the process, in the container's cgroup if it has one already.
func (e *Executor) launch(req *request, content []executor.File, l inheritance) (*os.Process, error) {
	cgroup := e.makeCgroup(req)
	if cgroup != nil {
		defer func() { _ = cgroup.Close() }()
	}
	for {
		packed, err := req.pack(content)
		if err != nil {
			return nil, err
		}
		l.files[0] = packed
		cmd := again(roleShim, e.rootless)
		cmd.Args = append(cmd.Args, "for", req.id()) // for whoever lists processes
		cmd.Stderr, cmd.ExtraFiles = l.log, l.files
		if req.Cgroup != "" {
			cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(cgroup.Fd())
		}
		err = cmd.Start()
		_ = packed.Close()
		if err == nil {
			return cmd.Process, nil
		}
		if req.Cgroup == "" {
			return nil, startError(err, e.rootless)
		}
		// Linux before 5.7 cannot start a process in a cgroup.
		if err := os.Remove(req.Cgroup); err != nil {
			return nil, err
		}
		req.Cgroup = ""
	}
}

// again is this program in another role, in namespaces of its own. It gets
// nothing from the environment, and no signal that is meant for this process
// and its terminal.
func again(role string, rootless bool) *exec.Cmd {
	attr := &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID,
	}
	if rootless {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return &exec.Cmd{Path: "/proc/self/exe", Args: []string{role}, Env: []string{"GOMAXPROCS=2"}, Dir: "/", SysProcAttr: attr}
}

// startError says what to do where namespaces cannot be made.
func startError(err error, rootless bool) error {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EACCES) {
		return fmt.Errorf("start shim: %w", err)
	}
	// Only its text: for user namespaces ENOSPC means a limit, not a full disk.
	return fmt.Errorf("start shim: %s: %s: %w", err.Error(), namespaceHelp(rootless), executor.ErrUnsupported)
}

// answer waits until the shim says that the command is being executed, or why
// not.
func (c *child) answer(ctx context.Context) error {
	c.bell.mu.Lock()
	defer c.bell.mu.Unlock()
	pipe := c.bell.pipe
	stop := context.AfterFunc(ctx, func() { _ = pipe.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := bufio.NewReader(pipe).ReadBytes('\n')
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, io.EOF):
		return errors.New("its shim ended without a word")
	case err != nil:
		return fmt.Errorf("hear from shim: %w", err)
	}
	var r reply
	if err := json.Unmarshal(line, &r); err != nil {
		return fmt.Errorf("hear from shim: %w", err)
	}
	return r.err()
}
