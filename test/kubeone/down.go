package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// endLimit is how long killed processes may take to end.
const endLimit = 30 * time.Second

// down takes away what a kubeone that was killed left of its cluster.
func down(args []string) error {
	c := &cluster{}
	fs := flag.NewFlagSet("down", flag.ExitOnError)
	fs.StringVar(&c.dir, "dir", "", "state folder of the cluster")
	_ = fs.Parse(args) // ends the program on errors
	if c.dir == "" {
		return errors.New("down needs -dir, the state folder of the cluster")
	}
	if _, err := os.Stat(c.dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := c.resolveDir(); err != nil {
		return err
	}
	if _, err := os.Stat(c.path("pid")); err != nil {
		return fmt.Errorf("%s is not the state folder of a cluster", c.dir)
	}
	return c.down()
}

// down ends every process of the cluster and removes all that is left of it.
// Nothing of a cluster is worth an orderly end.
func (c *cluster) down() error {
	for _, p := range c.parts {
		p.stop()
	}
	for _, p := range c.parts {
		<-p.done
	}
	if err := c.kill(); err != nil {
		return err
	}
	removeBridge()
	err := errors.Join(c.unmount(), c.removeCgroups(), os.RemoveAll(c.dir))
	c.releaseFolders()
	return err
}

// kill kills every process of the cluster but this one, until there is none.
func (c *cluster) kill() error {
	deadline := time.Now().Add(endLimit)
	for {
		pids, err := c.processes()
		if err != nil || len(pids) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v of the cluster do not end", pids)
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// processes finds kubeone, the parts, shims and runc by the mark in their
// environment, and what runs in containers by its cgroup.
func (c *cluster) processes() ([]int, error) {
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, file := range environs {
		// A process may have ended by now.
		b, err := os.ReadFile(file)
		if err != nil || !slices.ContainsFunc(bytes.Split(b, []byte{0}), func(v []byte) bool {
			return string(v) == markVariable+"="+c.dir
		}) {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(file, "/")[2]); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	err = c.walkCgroups(func(dir string) error {
		b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		for _, line := range strings.Fields(string(b)) {
			if pid, err := strconv.Atoi(line); err == nil && pid > 0 && !slices.Contains(pids, pid) {
				pids = append(pids, pid)
			}
		}
		if gone(err) {
			return nil
		}
		return err
	})
	return pids, err
}

// gone tells that a process or a cgroup ended while it was looked at.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV)
}
