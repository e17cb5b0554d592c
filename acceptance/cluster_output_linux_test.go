package acceptance

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A step prints 50 MB of lines, counted from one, with a second between each 5 MB:
// a cluster finds a place in a log by the second.
const (
	countedLines = 500_000
	countScript  = `for ten in 0 1 2 3 4 5 6 7 8 9; do
  /bin/busybox awk -v n=$ten 'BEGIN { for (i = 1; i <= 50000; i++) printf "%099d\n", n * 50000 + i }'
  /bin/busybox sleep 1
done
echo 'KOG:{"result":"success","message":"done"}'`
	countJob = `
name: counts
workflows: {run: {start: {action: counts}}}
actions: {counts: {image: 'IMAGE'}}
`
)

// The connection to the API server breaks off every few seconds while a large
// output comes. Not a byte is lost, and none comes twice.
func TestOutputOverCutConnections(t *testing.T) {
	w := clusterWorld(t)
	dir := t.TempDir()
	image := w.image(t, busyboxImage(t, dir, countScript))
	job := filepath.Join(dir, "job.yaml")
	if err := os.WriteFile(job, []byte(strings.ReplaceAll(countJob, "IMAGE", image)), 0o600); err != nil {
		t.Fatal(err)
	}
	far, p := w.overCutter(t)
	cuts := 0
	cmd := far.command(t, "kog", "run", "-f", job, "--state-dir", dir, "--run-id", "counts", "--executor", w.name, "--output", "quiet")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for running := true; running; {
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%v\n%s", err, &out)
			}
			running = false
		case <-time.After(3 * time.Second):
			cuts += p.cutAll()
		}
	}
	t.Logf("%d connections cut", cuts)
	if cuts == 0 {
		t.Error("no connection was cut: the test does not test")
	}
	want := sha256.New()
	for i := 1; i <= countedLines; i++ {
		_, _ = fmt.Fprintf(want, "%099d\n", i)
	}
	_, _ = fmt.Fprintf(want, "KOG:{\"result\":\"success\",\"message\":\"done\"}\n")
	got, size := sumOf(t, filepath.Join(dir, "runs", "counts", "logs", "0001-start.stdout.log"))
	if !bytes.Equal(got, want.Sum(nil)) {
		t.Errorf("the output of %d bytes has the SHA-256 %x, want %x", size, got, want.Sum(nil))
	}
	for _, left := range w.left(t) {
		t.Errorf("left behind: %s", left)
	}
}

func sumOf(t *testing.T, name string) (sum []byte, size int64) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	h := sha256.New()
	size, err = io.Copy(h, f)
	if err != nil {
		t.Fatal(err)
	}
	return h.Sum(nil), size
}

// overCutter is the same cluster behind something that cuts connections.
func (w world) overCutter(t *testing.T) (world, *cutter) {
	t.Helper()
	config, err := os.ReadFile(w.at)
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.kubectl(t, "config", "view", "--minify", "--output", "jsonpath={.clusters[0].cluster.server}")
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(out)
	if err != nil {
		t.Fatal(err)
	}
	p := newCutter(t, "tcp", "127.0.0.1:0", server.Host)
	far := w
	far.at = filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(far.at, bytes.ReplaceAll(config, []byte(server.Host), []byte(p.address)), 0o600); err != nil {
		t.Fatal(err)
	}
	return far, p
}
