//go:build !linux

// Command cmd is the probe as a program for the images of the contract suite.
package main

import (
	"fmt"
	"os"

	"gitlab.com/f5-pwe/kog/v3/executor/executortest/probe"
)

func main() {
	fmt.Fprintln(os.Stderr, "probe: runs in Linux containers only")
	os.Exit(probe.CodeFailed)
}
