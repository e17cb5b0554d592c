package acceptance

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
	"gitlab.com/f5-pwe/kog/v3/executor/kube"
	"gitlab.com/f5-pwe/kog/v3/internal/builtin"
)

// clusterWorld is the world of a test that is for clusters only.
func clusterWorld(t *testing.T) world {
	t.Helper()
	w := worlds[slices.IndexFunc(worlds, func(w world) bool { return w.name == kube.Name })]
	w.needs(t)
	return w
}

// kubectl speaks to the world's cluster.
func (w world) kubectl(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := w.command(t, "kubectl", append([]string{"--request-timeout=60s"}, args...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// leftOnCluster lists what the cluster has of runs, but for what it is deleting
// itself.
func (w world) leftOnCluster(t *testing.T) []string {
	t.Helper()
	var left []string
	for range 120 {
		out, err := w.kubectl(t, "get", "jobs,pods,secrets,pvc", "--selector", "io.kog/role", "--output", "name")
		if err != nil {
			t.Fatal(err)
		}
		if left = strings.Fields(out); len(left) == 0 {
			break
		}
		time.Sleep(500 * time.Millisecond)
	}
	return left
}

// ctr speaks to the containerd of the world's only node.
func (w world) ctr(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	socket := os.Getenv("KUBEONE_CONTAINERD")
	if w.at != os.Getenv("KUBECONFIG") { // that of a test's own cluster
		socket = filepath.Join(filepath.Dir(w.at), "containerd.sock")
	}
	if socket == "" {
		executortest.Unavailable(t, kube.Name, "KUBEONE_CONTAINERD does not say where the node's containerd listens, to which images can be given")
	}
	out, err := exec.CommandContext(ctx, "ctr", append([]string{"--address", socket, "--namespace", "k8s.io"}, args...)...).CombinedOutput()
	if err != nil {
		t.Errorf("ctr %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// imagesOnNode counts them, for their names.
var imagesOnNode atomic.Int32

// imageOnNode gives the image of an archive to the only node, under a name of
// its own.
func (w world) imageOnNode(t *testing.T, archive string) string {
	t.Helper()
	const base = "kog.test/acceptance"
	tag := fmt.Sprintf("%s:%d-%d", base, os.Getpid(), imagesOnNode.Add(1))
	w.ctr(t, "images", "import", "--base-name", base, "--index-name", tag, archive)
	t.Cleanup(func() { w.ctr(t, "images", "rm", "--sync", tag) })
	return tag
}

// builtinOnNode gives the node the image that kog has in itself.
func (w world) builtinOnNode(t *testing.T) string {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "builtin.tar")
	f, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	if err := (builtin.Images{}).WriteArchive(t.Context(), builtin.AutoResult, f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return w.imageOnNode(t, archive)
}
