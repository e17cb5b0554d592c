package kube_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
	"gitlab.com/f5-pwe/kog/v3/executor/kube"
)

// serveVariable makes this program serve one request of the contract suite.
const (
	serveVariable = "KOG_TEST_SERVE" // in the namespace that it names
	joinVariable  = "KOG_TEST_JOIN_IMAGE"
)

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) != "" {
		os.Exit(serve())
	}
	os.Exit(m.Run())
}

func serve() int {
	x, err := kube.New(kube.Options{Namespace: os.Getenv(serveVariable), JoinImage: os.Getenv(joinVariable)})
	if err == nil {
		err = executortest.Serve(context.Background(), x, os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
