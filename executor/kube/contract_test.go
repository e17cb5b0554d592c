package kube_test

import (
	"os"
	"os/exec"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
)

// skipOnKube: what no executor could do better on this kind of cluster.
func skipOnKube() map[string]string {
	const carriage = "containerd's log of a container has no carriage returns before line feeds"
	return map[string]string{
		"output/no newline":       carriage,
		"output/binary":           carriage,
		"output/binary on stderr": carriage,
		"cancel/stop":             "a node that has begun to end a container keeps to the time it gave",
		"isolation/privileged":    "the pod's own container has mounted /sys first, read-only, and that of one network is one",
	}
}

func TestContract(t *testing.T) {
	c := newCluster(t)
	executortest.Run(t, executortest.Config{
		New:  func(t *testing.T) executor.Executor { return c.executor(t) },
		Load: func(t *testing.T, img executortest.Image) string { return c.load(t, img) },
		NewProcess: func(t *testing.T) *exec.Cmd {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), serveVariable+"="+c.namespace, joinVariable+"="+c.joinImage)
			return cmd
		},
		Leftovers:        func(t *testing.T) []string { return c.leftovers(t) },
		IgnoreGoroutines: []string{"net/http.(*persistConn)", "net/http.(*http2", "internal/http2", "x/net/http2"},
		Skip:             skipOnKube(),
	})
}
