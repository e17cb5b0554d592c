package docker_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor/docker"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
	"gitlab.com/f5-pwe/kog/v3/internal/builtin"
)

// serveVariable makes this program serve one request of the contract suite.
const serveVariable = "KOG_TEST_SERVE"

// images are the built-in ones: this program is their content.
type images = builtin.Images

func TestMain(m *testing.M) {
	if code, ok := builtin.Dispatch(); ok {
		os.Exit(code)
	}
	for _, e := range engines {
		if os.Getenv(serveVariable) == e.title {
			os.Exit(serve(e))
		}
	}
	os.Exit(m.Run())
}

func serve(e engine) int {
	x, err := e.make(docker.Options{Host: e.host(), Builtin: images{}})
	if err == nil {
		err = executortest.Serve(context.Background(), x, os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
