package store

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// noise is an image of one layer whose content does not compress.
func noise(t testing.TB, n int) (img v1.Image, digest v1.Hash, size int64) {
	t.Helper()
	data := make([]byte, n)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(data)
	l := asLayer(t, layerTar(t, file("noise", string(data)), file("hello", "end")), types.DockerLayer)
	digest, err := l.Digest()
	if err != nil {
		t.Fatal(err)
	}
	size, err = l.Size()
	if err != nil {
		t.Fatal(err)
	}
	return testImage(t, l), digest, size
}

func TestResumeAfterCuts(t *testing.T) {
	registry := startRegistry(t, registryOptions{})
	c := startCutter(t, registry.host)
	img, _, size := noise(t, 3<<20)
	registry.push(t, "app:1", img)
	c.after.Store(600 << 10)
	s := openStore(t)
	pinned := resolve(t, s, c.host+"/app:1").Pinned
	wantContent(t, s, pinned, "end")
	if sent := c.sent.Load(); sent > size+size/2 {
		t.Errorf("%d bytes were sent for a layer of %d", sent, size)
	}
}

func TestResumeInAnotherCall(t *testing.T) {
	registry := startRegistry(t, registryOptions{})
	f := startFront(t, registry.host)
	img, digest, size := noise(t, 1<<20)
	registry.push(t, "app:1", img)
	ref := f.host + "/app:1"
	for _, damage := range []bool{false, true} {
		s := openStore(t)
		const begin = 400 << 10
		f.interfere(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Range") != "" {
				w.WriteHeader(http.StatusForbidden)
				return true
			}
			if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, digest.Hex) {
				return false
			}
			sendBeginning(t, w, img, begin)
			return true
		})
		_, err := s.Resolve(context.Background(), executor.ImageRequest{Ref: ref})
		if !errors.Is(err, executor.ErrUnauthorized) {
			t.Fatalf("interrupted pull: %v", err)
		}
		wantNothing(t, s)
		part := s.partialPath(digest)
		if info, err := os.Stat(part); err != nil || info.Size() != begin {
			t.Fatalf("partial download: %v, %v", info, err)
		}
		if damage {
			writeTestFile(t, part, bytes.Repeat([]byte{0}, begin))
		}
		var ranges []string
		f.interfere(func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, digest.Hex) {
				ranges = append(ranges, r.Header.Get("Range"))
			}
			return false
		})
		wantContent(t, s, resolve(t, s, ref).Pinned, "end")
		want := "bytes=" + strconv.Itoa(begin) + "-"
		if damage {
			want += " then all" // the resumed file was wrong, so it was fetched anew
		}
		if got := strings.Join(ranges, " then all"); got != want {
			t.Errorf("ranges %q, want %q (layer of %d bytes)", got, want, size)
		}
	}
}

// sendBeginning announces a whole layer and breaks the connection after n bytes.
func sendBeginning(t *testing.T, w http.ResponseWriter, img v1.Image, n int) {
	layers, err := img.Layers()
	if err != nil {
		t.Error(err)
		return
	}
	stored := layers[0].(testLayer).stored
	w.Header().Set("Content-Length", strconv.Itoa(len(stored)))
	_, _ = w.Write(stored[:n])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func TestWrongContentFromRegistry(t *testing.T) {
	registry := startRegistry(t, registryOptions{})
	f := startFront(t, registry.host)
	img, digest, size := noise(t, 64<<10)
	registry.push(t, "app:1", img)
	config, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		path string
		body []byte
		want string
	}{
		"layer":         {digest.Hex, make([]byte, size), "wrong digest"},
		"layer longer":  {digest.Hex, make([]byte, size+100), "more than"},
		"configuration": {config.Hex, []byte("{}"), "wrong digest"},
		"manifest":      {digestOf(t, img), []byte("{}"), "wrong manifest"},
		"not JSON":      {"/manifests/1", []byte("<html>"), "is not valid"},
		"schema 1":      {"/manifests/1", []byte(`{"schemaVersion":1,"fsLayers":[]}`), "schema 1"},
		"not an image":  {"/manifests/1", []byte(`{"schemaVersion":2}`), "neither an image nor an index"},
		"empty index":   {"/manifests/1", []byte(`{"manifests":[]}`), "there is no image for linux/"},
	} {
		t.Run(name, func(t *testing.T) {
			f.interfere(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, test.path) {
					return false
				}
				_, _ = w.Write(test.body)
				return true
			})
			s := openStore(t)
			ref := f.host + "/app:1"
			if name == "manifest" {
				ref = f.host + "/app@" + test.path
			}
			_, err := s.Resolve(context.Background(), executor.ImageRequest{Ref: ref})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error = %v", err)
			}
			wantNothing(t, s)
			if left := list(t, s.path("partial")); name == "layer" && len(left) > 0 {
				t.Errorf("wrong bytes were kept: %v", left)
			}
		})
	}
}

func TestResumeIgnoredByRegistry(t *testing.T) {
	registry := startRegistry(t, registryOptions{})
	f := startFront(t, registry.host)
	img, digest, _ := noise(t, 256<<10)
	registry.push(t, "app:1", img)
	s := openStore(t)
	f.interfere(func(_ http.ResponseWriter, r *http.Request) bool {
		r.Header.Del("Range")
		return false
	})
	writeTestFile(t, s.partialPath(digest), []byte("something else"))
	wantContent(t, s, resolve(t, s, f.host+"/app:1").Pinned, "end")
}

func TestProgress(t *testing.T) {
	registry := startRegistry(t, registryOptions{})
	img, _, size := noise(t, 2<<20)
	ref := registry.push(t, "app:1", img)
	s := openStore(t)
	var heard []executor.Progress
	_, err := s.Resolve(context.Background(), executor.ImageRequest{Ref: ref, Progress: func(p executor.Progress) { heard = append(heard, p) }})
	if err != nil {
		t.Fatal(err)
	}
	if len(heard) < 2 {
		t.Fatalf("heard %+v", heard)
	}
	first, last := heard[0], heard[len(heard)-1]
	if first.Message != "pulling "+ref || first.Done != 0 || first.Total != size {
		t.Errorf("first %+v", first)
	}
	if last.Message != "pulled "+ref || last.Done != size || last.Total != size {
		t.Errorf("last %+v", last)
	}
}
