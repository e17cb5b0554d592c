package kube_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
	"gitlab.com/f5-pwe/kog/v3/executor/kube"
)

// cluster is a namespace for one test on a real cluster.
type cluster struct {
	namespace string
	joinImage string
}

// newCluster makes the namespace, and deletes it at the test's end.
func newCluster(t *testing.T) cluster {
	t.Helper()
	if os.Getenv("KOG_TEST_KUBE") == "" {
		executortest.Unavailable(t, kube.Name, "KOG_TEST_KUBE does not say that there is a cluster; scripts/engines.sh starts one")
	}
	c := cluster{namespace: fmt.Sprintf("kog-test-%d-%d", os.Getpid(), time.Now().UnixNano()%1e9)}
	c.must(t, "create", "namespace", c.namespace)
	c.joinImage = c.load(t, executortest.Archive(t, joinImage(t)))
	t.Cleanup(func() { c.must(t, "delete", "namespace", c.namespace, "--wait=true", "--timeout=120s") })
	return c
}

// kubectl runs the cluster's own command in the test's namespace.
func (c cluster) kubectl(t testing.TB, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "kubectl", append([]string{"--namespace", c.namespace}, args...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

func (c cluster) must(t testing.TB, args ...string) string {
	t.Helper()
	out, err := c.kubectl(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// apply makes objects as they are written.
func (c cluster) apply(t testing.TB, manifest string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "kubectl", "--namespace", c.namespace, "apply", "-f", "-")
	cmd.Stdin = strings.NewReader(manifest)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kubectl apply: %v: %s", err, out)
	}
}

// joinImage has a shell, which that of the contract has not.
func joinImage(t testing.TB) executortest.Image {
	t.Helper()
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		executortest.Unavailable(t, kube.Name, "/bin/busybox is needed for the image that puts files together")
	}
	return executortest.Image{
		Tag: "kog.test/join:1", Config: executor.ImageConfig{Env: map[string]string{"PATH": "/bin"}},
		Files: []executortest.ImageFile{{Path: "/bin/sh", Mode: 0o755, Data: busybox}, {Path: "/bin/cat", Mode: 0o755, Data: busybox}},
	}
}

func (c cluster) executor(t testing.TB) *kube.Executor {
	t.Helper()
	x, err := kube.New(kube.Options{Namespace: c.namespace, JoinImage: c.joinImage})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// load gives an archive to the only node.
func (c cluster) load(t testing.TB, img executortest.Image) string {
	t.Helper()
	loadImage(t, img.Archive)
	t.Cleanup(func() { removeImage(t, img.Tag) })
	return img.Tag
}

func loadImage(t testing.TB, archive string) {
	t.Helper()
	if out, err := ctr(t, "images", "import", archive); err != nil {
		t.Fatalf("load image: %v: %s", err, out)
	}
}

func removeImage(t testing.TB, tag string) {
	t.Helper()
	if out, err := ctr(t, "images", "rm", "--sync", tag); err != nil {
		t.Errorf("remove image: %v: %s", err, out)
	}
}

// ctr speaks to the node's containerd, past the cluster.
func ctr(t testing.TB, args ...string) ([]byte, error) {
	t.Helper()
	socket := os.Getenv("KUBEONE_CONTAINERD")
	if socket == "" {
		executortest.Unavailable(t, kube.Name, "KUBEONE_CONTAINERD does not say where the node's containerd listens, to which images can be given")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	return exec.CommandContext(ctx, "ctr", append([]string{"--address", socket, "--namespace", "k8s.io"}, args...)...).CombinedOutput()
}

// leftovers waits until what is deleted in the background is gone, and lists
// what stays.
func (c cluster) leftovers(t testing.TB) []string {
	t.Helper()
	var left []string
	for range 60 {
		left = strings.Fields(c.must(t, "get", "jobs,pods,secrets,pvc", "--selector", "io.kog/role", "--output", "name"))
		if left == nil {
			return nil
		}
		time.Sleep(500 * time.Millisecond)
	}
	return left
}
