package executortest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
)

// untar reads a whole archive.
func untar(t *testing.T, data []byte) (files map[string][]byte, names []string) {
	t.Helper()
	files = map[string][]byte{}
	r := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, names
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}

// TestWriteArchive checks what engines check: names, digests and the order of
// directories.
func TestWriteArchive(t *testing.T) {
	img := (&imageMaker{probe: []byte("program")}).settings()
	var a, b bytes.Buffer
	if err := errors.Join(WriteArchive(&a, img), WriteArchive(&b, img)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the same image gives different archives")
	}
	files, _ := untar(t, a.Bytes())
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil || len(manifest) != 1 {
		t.Fatalf("manifest %s: %v", files["manifest.json"], err)
	}
	var config struct {
		OS     string
		Config struct {
			Env, Cmd         []string
			User, WorkingDir string
		}
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	m := manifest[0]
	if err := json.Unmarshal(files[m.Config], &config); err != nil {
		t.Fatalf("config %q: %v", m.Config, err)
	}
	if m.RepoTags[0] != img.Tag || config.OS != "linux" || config.Config.User != userName || config.Config.WorkingDir != "/work/here" {
		t.Errorf("manifest %+v, config %+v", m, config)
	}
	if len(m.Layers) != 2 || len(config.RootFS.DiffIDs) != 2 {
		t.Fatalf("layers %v with digests %v, want two", m.Layers, config.RootFS.DiffIDs)
	}
	found := map[string]bool{}
	for i, name := range m.Layers {
		if got := fmt.Sprintf("sha256:%x", sha256.Sum256(files[name])); got != config.RootFS.DiffIDs[i] {
			t.Errorf("layer %s has digest %s, the config says %s", name, got, config.RootFS.DiffIDs[i])
		}
		_, names := untar(t, files[name])
		for _, n := range names {
			found[n] = true
		}
	}
	for _, want := range []string{"opt/", "opt/bin/", "opt/bin/probe", "etc/passwd", "tmp/"} {
		if !found[want] {
			t.Errorf("no layer has %s", want)
		}
	}
}
