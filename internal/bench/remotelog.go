//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// The scripts print 10,000 lines ten times, one of them once a second.
const (
	linesAtOnce = 10_000
	paced       = `n=0; while [ $n -lt 10 ]; do /bin/busybox cat /lines; /bin/busybox sleep 1; n=$((n+1)); done`
	unpaced     = `n=0; while [ $n -lt 10 ]; do /bin/busybox cat /lines; n=$((n+1)); done`
)

// remoteLog compares runs that print 100,000 lines without a remote log, with
// one that hangs, and with one that takes everything.
func (b *bench) remoteLog() error {
	hung, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts: the system does, and reads nothing
	if err != nil {
		return err
	}
	defer func() { _ = hung.Close() }()
	swift, stop, err := swiftServer()
	if err != nil {
		return err
	}
	defer stop()
	for _, m := range []struct{ title, script string }{
		{"100,000 lines, 10,000 each second", paced}, {"100,000 lines, as fast as they come", unpaced},
	} {
		job, err := b.chatterJob(m.script)
		if err != nil {
			return err
		}
		argv := []string{b.kog, "run", "-f", job, "--executor", "native", "--output", "quiet", "--state-dir", b.path("state")}
		remote := func(address string) []string {
			return append(argv[:len(argv):len(argv)], "--remote-logger", "syslog", "--remote-logger-addr", "tcp://"+address)
		}
		commands := []command{
			{name: "no remote log", argv: argv},
			{name: "a syslog server that hangs", argv: remote(hung.Addr().String())},
			{name: "a syslog server that reads", argv: remote(swift)},
		}
		samples, err := alternate(b.rounds, nil, commands...)
		if err != nil {
			return err
		}
		report(m.title, 1, commands, samples)
	}
	return nil
}

// swiftServer reads all that comes. stop ends it and waits for it.
func swiftServer() (address string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, conn) // one run at a time
			_ = conn.Close()
		}
	}()
	return l.Addr().String(), func() { _ = l.Close(); <-ended }, nil
}

// chatterJob makes a job whose one step runs a script, and has lines to print.
func (b *bench) chatterJob(script string) (string, error) {
	dir, err := os.MkdirTemp(b.dir, "chatter-")
	if err != nil {
		return "", err
	}
	rootfs := filepath.Join(dir, "rootfs")
	if err := makeBusybox(rootfs); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(rootfs, "lines"), []byte(strings.Repeat(ordinaryLine, linesAtOnce)), 0o600); err != nil {
		return "", err
	}
	archive := filepath.Join(dir, "image.tar")
	if err := makeArchive(archive, rootfs, []string{"/bin/busybox", "sh", "-c", script + `; echo 'KOG:{"result":"success"}'`}); err != nil {
		return "", err
	}
	job := filepath.Join(dir, "job.yaml")
	text := fmt.Sprintf("name: chatter\nworkflows: {run: {start: {action: a}}}\nactions: {a: {image: 'docker-archive:%s'}}\n", archive)
	return job, os.WriteFile(job, []byte(text), 0o600)
}
