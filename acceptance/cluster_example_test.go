package acceptance

import (
	"bytes"
	"strings"
	"testing"
)

// TestKubernetesExample: the example for clusters runs as it stands. The nodes
// of the test cluster cannot pull, but have the image under another name.
func TestKubernetesExample(t *testing.T) {
	w := clusterWorld(t)
	const image = "docker.io/library/busybox:1.36"
	w.ctr(t, "images", "tag", "--force", "localhost/busybox:1", image)
	t.Cleanup(func() { w.ctr(t, "images", "rm", image) })

	cmd := w.command(t, "kog", "run", "-f", "../examples/kubernetes.yaml", "--executor", w.name, "--state-dir", t.TempDir())
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
