package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	restartDelay = 300 * time.Millisecond // how long a part that has ended stays away
	niceness     = -10                    // of all parts, and of what they start
	waitLimit    = 2 * time.Minute        // for a busy machine: nothing takes more than seconds otherwise
)

// A part is a process of the cluster, which is started again when it ends.
type part struct {
	name string
	argv []string
	stop context.CancelFunc
	done chan struct{} // closed when it has ended for good
	ends atomic.Int32  // how often it has ended
	last atomic.Value  // why, a string
}

// spawn starts a part and from then on keeps it up. Its output is in log/NAME.log,
// its process ID in pid/NAME.
func (c *cluster) spawn(name string, argv ...string) {
	ctx, stop := context.WithCancel(context.Background())
	p := &part{name: name, argv: argv, stop: stop, done: make(chan struct{})}
	c.parts = append(c.parts, p)
	go func() {
		defer close(p.done)
		// The part gets a signal when the thread that started it ends, and with
		// it when kubeone does.
		runtime.LockOSThread()
		for ctx.Err() == nil {
			err := c.runPart(ctx, p)
			if ctx.Err() != nil {
				return
			}
			p.last.Store(fmt.Sprint(err))
			p.ends.Add(1)
			fmt.Fprintf(os.Stderr, "kubeone: %s has ended (%v) and is started again\n", name, err)
			select {
			case <-ctx.Done():
			case <-time.After(restartDelay):
			}
		}
	}()
}

// runPart runs a part until it ends.
func (c *cluster) runPart(ctx context.Context, p *part) error {
	log, err := os.OpenFile(c.path("log", p.name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the part writes, not this process
	cmd := exec.CommandContext(ctx, p.argv[0], p.argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := c.writePID(p.name, cmd.Process.Pid); err != nil {
		_ = cmd.Process.Kill() // it may have ended
		return errors.Join(err, cmd.Wait())
	}
	// Tests keep the machine busy. What they wait for goes first, where that is
	// allowed.
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, cmd.Process.Pid, niceness)
	return cmd.Wait()
}

// writePID writes pid/NAME, which never is there half-written.
func (c *cluster) writePID(name string, pid int) error {
	file := c.path("pid", name)
	if err := os.WriteFile(file+".new", []byte(strconv.Itoa(pid)+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// wait tries something again and again until it succeeds. It gives up after two
// minutes, or when a part has ended.
func (c *cluster) wait(ctx context.Context, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			c.step(what)
			return nil
		}
		for _, p := range c.parts {
			if p.ends.Load() > 0 {
				return fmt.Errorf("waiting for %s: %s has ended: %v", what, p.name, p.last.Load())
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w (last: %w)", what, ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// tails prints the end of every log, for a cluster that did not come up.
func (c *cluster) tails() {
	logs, _ := filepath.Glob(c.path("log", "*.log")) // the pattern is well-formed
	for _, log := range logs {
		b, err := os.ReadFile(log)
		if err != nil {
			continue
		}
		lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
		lines = lines[max(0, len(lines)-15):]
		fmt.Fprintf(os.Stderr, "--- %s\n%s\n", log, bytes.Join(lines, []byte("\n")))
	}
}
