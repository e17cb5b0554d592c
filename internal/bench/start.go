//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
)

// size prints how large the binary is.
func (b *bench) size() error {
	info, err := os.Stat(b.kog)
	if err != nil {
		return err
	}
	fmt.Printf("binary: %.1f MB\n", float64(info.Size())/1e6)
	return nil
}

// start compares `kog version` with a program that does nothing.
func (b *bench) start() error {
	source, binary := b.path("empty.go"), b.path("empty")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, source) //nolint:gosec // our own source
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w: %s", err, out)
	}
	commands := []command{
		{name: "kog version", argv: []string{b.kog, "version"}},
		{name: "an empty Go program", argv: []string{binary}},
	}
	samples, err := alternate(5*b.rounds, nil, commands...)
	if err != nil {
		return err
	}
	report("start of the program", 1, commands, samples)
	return nil
}
