//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// chattyLines is how many lines the step of the measurement prints.
const chattyLines = 100_000

// live compares the CPU time of the live view, on a terminal, with that of no
// view at all, while a step prints many lines.
func (b *bench) live() error {
	rootfs := b.path("rootfs-live")
	if err := makeRootfs(rootfs, chattyLines/10); err != nil {
		return err
	}
	for _, pace := range []struct{ name, script string }{
		{"at once", "for i in 1 2 3 4 5 6 7 8 9 10; do /bin/busybox cat /text; done"},
		{"one by one", fmt.Sprintf("i=0; while [ $i -lt %d ]; do echo an ordinary line of output, number $i; i=$((i+1)); done", chattyLines)},
		{"over ten seconds", "for i in 1 2 3 4 5 6 7 8 9 10; do /bin/busybox cat /text; /bin/busybox sleep 1; done"},
	} {
		script := pace.script + `; echo 'KOG:{"result":"success"}'`
		archive := b.path("live.tar")
		if err := makeArchive(archive, rootfs, []string{"/bin/busybox", "sh", "-c", script}); err != nil {
			return err
		}
		job := b.path("live.yaml")
		text := fmt.Sprintf("name: chatty\nworkflows: {run: {start: {action: a, duration: 1h}}}\nactions: {a: {image: 'docker-archive:%s'}}\n", archive)
		if err := os.WriteFile(job, []byte(text), 0o600); err != nil {
			return err
		}
		if err := b.compareViews(job, pace.name); err != nil {
			return err
		}
	}
	return nil
}

// compareViews runs a job with and without the live view in turn, and prints
// the CPU time of both.
func (b *bench) compareViews(job, pace string) error {
	outputs := []string{"quiet", "live", "plain"}
	cpu := make([][]float64, len(outputs))
	for round := range b.rounds + 1 {
		for i, output := range outputs {
			if err := os.RemoveAll(filepath.Join(b.path("state"), "runs")); err != nil {
				return err
			}
			spent, err := onTerminal(b.kog, "run", "-f", job, "--executor", "native", "--output", output, "--state-dir", b.path("state"))
			if err != nil {
				return fmt.Errorf("--output %s: %w", output, err)
			}
			if round > 0 {
				cpu[i] = append(cpu[i], spent.Seconds())
			}
		}
	}
	fmt.Printf("\nCPU of kog while a step prints %d lines %s, on a terminal (%d rounds, alternating)\n", chattyLines, pace, b.rounds)
	for i, output := range outputs {
		ratios := make([]float64, b.rounds)
		for k := range ratios {
			ratios[k] = cpu[i][k] / cpu[0][k]
		}
		fmt.Printf("  --output %-6s median %6.1f ms, %6.1f to %6.1f, ratio %.2f\n",
			output, 1000*median(cpu[i]), 1000*slices.Min(cpu[i]), 1000*slices.Max(cpu[i]), median(ratios))
	}
	return nil
}

// onTerminal runs a command with its output on a terminal, and gives the CPU
// time, user and system, that it and the children it waited for have used.
func onTerminal(argv ...string) (time.Duration, error) {
	master, slave, err := openTerminal()
	if err != nil {
		return 0, fmt.Errorf("open terminal: %w", err)
	}
	var shown bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = shown.ReadFrom(master) // ends with an error when the last writer is gone
	}()
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:gosec // a measuring tool runs what it is told
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8")
	cmd.Stdout, cmd.Stderr = slave, slave
	err = cmd.Run()
	_ = slave.Close()
	<-read
	_ = master.Close()
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, tail(shown.Bytes()))
	}
	if !strings.Contains(shown.String(), `"status":"success"`) {
		return 0, fmt.Errorf("no success: %s", tail(shown.Bytes()))
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// openTerminal opens a new terminal of 80 by 24.
func openTerminal() (master, slave *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0); err != nil {
		return nil, nil, err
	}
	fd := int(master.Fd())
	if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
		var n int
		if n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN); err == nil {
			slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
		}
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})
	}
	if err != nil {
		_ = master.Close()
		return nil, nil, err
	}
	return master, slave, nil
}
