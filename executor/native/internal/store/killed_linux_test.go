package store

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A process that is killed in the middle of a download leaves nothing but the
// beginning of the layer, and the next one goes on from there.
func TestKilledProcess(t *testing.T) {
	registry := startRegistry(t, registryOptions{})
	f := startFront(t, registry.host)
	img, digest, _ := noise(t, 1<<20)
	registry.push(t, "app:1", img)
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	stored := layers[0].(testLayer).stored
	half := make(chan struct{})
	f.interfere(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, digest.Hex) {
			return false
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(stored)))
		_, _ = w.Write(stored[:len(stored)/2])
		w.(http.Flusher).Flush()
		close(half)
		<-r.Context().Done() // the process is gone
		return true
	})
	task := childTask{Dir: filepath.Join(t.TempDir(), "store"), Ref: f.host + "/app:1"}
	text, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = []string{childEnv + "=" + string(text), "HOME=/nonexistent"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-half
	_ = cmd.Process.Kill()
	_ = cmd.Wait()

	s, err := Open(task.Dir, Options{Rootless: os.Geteuid() != 0})
	if err != nil {
		t.Fatal(err)
	}
	wantNothing(t, s)
	f.interfere(func(http.ResponseWriter, *http.Request) bool { return false })
	wantContent(t, s, resolve(t, s, task.Ref).Pinned, "end")
	for _, sub := range []string{"tmp", "partial", "blobs/sha256"} {
		if left := list(t, s.path(sub)); len(left) > 0 {
			t.Errorf("left in %s: %v", sub, left)
		}
	}
}
