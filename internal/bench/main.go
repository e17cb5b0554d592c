//go:build linux

// Command bench measures kog side by side with what it is compared to, in one
// run on one machine, and prints a table. It needs Linux, root, runc and
// busybox, and the kog binary whose path is its argument.
//
//	go run ./internal/bench bin/kog-linux-amd64
//
// docs/benchmarks.md says what is measured and why.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	rounds := flag.Int("rounds", 10, "rounds of every comparison")
	only := flag.String("only", "", "one measurement: start, steps, output, live, remotelog, notify, engines, engineoutput, kube, kuberequests or size")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: bench [-rounds N] [-only NAME] KOG")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *only, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run makes a folder, measures, and removes the folder.
func run(binary, only string, rounds int) (err error) {
	kog, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "kog-bench-")
	if err != nil {
		return err
	}
	defer func() {
		if rmErr := os.RemoveAll(dir); err == nil {
			err = rmErr
		}
	}()
	b := &bench{kog: kog, dir: dir, rounds: rounds}
	for _, m := range []struct {
		name    string
		measure func() error
	}{
		{"size", b.size},
		{"start", b.start},
		{"steps", b.steps},
		{"output", b.output},
		{"live", b.live},
		{"remotelog", b.remoteLog},
		{"notify", b.notify},
		{"engines", b.engineSteps},
		{"engineoutput", b.engineOutput},
		{"kube", b.kubeSteps},
		{"kuberequests", b.kubeRequests},
	} {
		if only != "" && only != m.name {
			continue
		}
		if err := m.measure(); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// bench holds what the measurements share.
type bench struct {
	kog    string // the binary
	dir    string // for all files, removed at the end
	rounds int
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }
