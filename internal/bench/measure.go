//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// sample is one run of one command.
type sample struct {
	wall   time.Duration
	cpu    time.Duration // user and system, with the children it waited for
	maxRSS int64         // bytes, of the process itself
}

// command is something to be measured.
type command struct {
	name string
	argv []string
	env  []string
	// out is where its standard output goes; "" discards it.
	out string
}

// once runs a command and fails when it does.
func (c command) once() (s sample, err error) {
	cmd := exec.Command(c.argv[0], c.argv[1:]...) //nolint:gosec // a measuring tool runs what it is told
	cmd.Env = append(os.Environ(), c.env...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	cmd.Stdout = io.Discard
	if c.out != "" {
		f, err := os.Create(c.out)
		if err != nil {
			return s, err
		}
		defer func() { _ = f.Close() }()
		cmd.Stdout = f
	}
	began := time.Now()
	err = cmd.Run()
	s.wall = time.Since(began)
	if err != nil {
		return s, fmt.Errorf("%s: %w: %s", c.name, err, tail(errs.Bytes()))
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.maxRSS = usage.Maxrss * 1024
		s.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	return s, nil
}

func tail(b []byte) []byte { return b[max(0, len(b)-500):] }

// alternate runs the commands in turn, so that what else the machine does hits
// all of them alike. The first round is not counted.
func alternate(rounds int, between func() error, commands ...command) ([][]sample, error) {
	samples := make([][]sample, len(commands))
	for round := range rounds + 1 {
		for i, c := range commands {
			if between != nil {
				if err := between(); err != nil {
					return nil, err
				}
			}
			s, err := c.once()
			if err != nil {
				return nil, err
			}
			if round > 0 {
				samples[i] = append(samples[i], s)
			}
		}
	}
	return samples, nil
}

func walls(samples []sample) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = s.wall.Seconds()
	}
	return out
}

// ratios pairs the rounds of two commands.
func ratios(a, b []sample) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i].wall.Seconds() / b[i].wall.Seconds()
	}
	return out
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// report prints one row: name, median wall time per unit, spread, and the
// median ratio to the first command.
func report(title string, per float64, commands []command, samples [][]sample) {
	fmt.Printf("\n%s (%d rounds, alternating)\n", title, len(samples[0]))
	fmt.Printf("  %-34s %10s %10s %10s %14s\n", "", "median ms", "min", "max", "ratio to first")
	for i, c := range commands {
		w := walls(samples[i])
		for k := range w {
			w[k] = w[k] * 1000 / per
		}
		fmt.Printf("  %-34s %10.1f %10.1f %10.1f %14.2f\n",
			c.name, median(w), slices.Min(w), slices.Max(w), median(ratios(samples[i], samples[0])))
	}
}
