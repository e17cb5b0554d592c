package acceptance

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
	"gitlab.com/f5-pwe/kog/v3/executor/kube"
)

// TestKubernetesExample: the example for clusters runs as it stands. The nodes
// of the test cluster cannot pull, but have the image under another name.
func TestKubernetesExample(t *testing.T) {
	socket := os.Getenv("KUBEONE_CONTAINERD")
	if os.Getenv("KOG_TEST_KUBE") == "" || socket == "" {
		executortest.Unavailable(t, kube.Name, "KOG_TEST_KUBE and KUBEONE_CONTAINERD do not say that there is a cluster; scripts/engines.sh starts one")
	}
	const image = "docker.io/library/busybox:1.36"
	ctr := func(args ...string) {
		t.Helper()
		args = append([]string{"--address", socket, "--namespace", "k8s.io", "images"}, args...)
		if out, err := exec.Command("ctr", args...).CombinedOutput(); err != nil {
			t.Fatalf("ctr %q: %v: %s", args, err, out)
		}
	}
	ctr("tag", "--force", "localhost/busybox:1", image)
	t.Cleanup(func() { ctr("rm", image) })

	cmd := exec.Command("kog", "run", "-f", "../examples/kubernetes.yaml", "--executor", kube.Name, "--state-dir", t.TempDir())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("kog run: %v\n%s%s", err, stdout.Bytes(), stderr.Bytes())
	}
	if want := `"status":"success","message":"five volts"`; !strings.Contains(stdout.String(), want) {
		t.Errorf("standard output lacks %q:\n%s", want, stdout.Bytes())
	}
	if want := "the machine is "; !strings.Contains(stderr.String(), want) {
		t.Errorf("the log lacks %q:\n%s", want, stderr.Bytes())
	}
}
