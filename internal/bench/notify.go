//go:build linux

package main

import (
	"fmt"
	"net"
)

// notify compares a job of ten steps that tells a receiver which takes
// connections and never answers, and one that tells the console, with the same
// job that tells nobody. The time to wait at the end is 0: only the run itself
// is measured.
func (b *bench) notify() error {
	job, err := b.tenSteps(trivial)
	if err != nil {
		return err
	}
	hung, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = hung.Close() }()
	argv := []string{b.kog, "run", "-f", job, "--executor", "native", "--output", "quiet", "--state-dir", b.path("state")}
	told := func(more ...string) []string { return append(argv[:len(argv):len(argv)], more...) }
	url := "http://" + hung.Addr().String()
	every := []string{"--notify-on", "step-start,step-end,job-end"}
	commands := []command{
		{name: "no notifier", argv: argv},
		{name: "hung receiver", argv: told("--notifier", url, "--notify-timeout", "0")},
		{name: "hung receiver, every occasion", argv: told(append(every, "--notifier", url, "--notify-timeout", "0")...)},
		{name: "console", argv: told("--notifier", "console")},
	}
	samples, err := alternate(b.rounds, nil, commands...)
	if err != nil {
		return err
	}
	report(fmt.Sprintf("notifiers, a job of %d steps", steps), 1, commands, samples)
	return nil
}
