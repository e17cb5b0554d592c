//go:build cgo

package native_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
	"gitlab.com/f5-pwe/kog/v3/executor/native"
)

// serveVariable makes the test binary another process that uses the executor
// of the folder that it names.
const serveVariable = "KOG_NATIVE_TEST_SERVE"

// startVariable makes it a process that starts the container whose
// specification is on its standard input, says so and waits for the end of the
// input.
const startVariable = "KOG_NATIVE_TEST_START"

func TestMain(m *testing.M) {
	native.Init()
	for name, role := range map[string]func(string) error{serveVariable: serve, startVariable: startOnly} {
		dir := os.Getenv(name)
		if dir == "" {
			continue
		}
		if err := role(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if name := os.Getenv(cgroupsVariable); name != "" {
		if err := enterLayout(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func startOnly(dir string) error {
	e, err := native.New(native.Options{Dir: dir})
	if err != nil {
		return err
	}
	in := json.NewDecoder(os.Stdin)
	var spec executor.Spec
	if err := in.Decode(&spec); err != nil {
		return err
	}
	if _, err := e.Start(context.Background(), spec); err != nil {
		return err
	}
	fmt.Println("started")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func serve(dir string) error {
	e, err := native.New(native.Options{Dir: dir})
	if err != nil {
		return err
	}
	return executortest.Serve(context.Background(), e, os.Stdin, os.Stdout)
}
