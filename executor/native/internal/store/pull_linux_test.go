package store

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

func TestPull(t *testing.T) {
	registry := startRegistry(t, registryOptions{})
	f := startFront(t, registry.host)
	s := openStore(t)
	img := testImage(t,
		asLayer(t, layerTar(t, dir("a"), file("a/one", "1")), types.DockerLayer),
		asLayer(t, layerTar(t, file("two", "2")), types.OCILayerZStd),
		asLayer(t, layerTar(t, file("three", "3")), types.OCIUncompressedLayer),
		asLayer(t, layerTar(t, file("hello", "world")), types.OCILayer),
	)
	registry.push(t, "team/app:1", img)
	ref := f.host + "/team/app:1"
	got := resolve(t, s, ref)
	want := executor.Image{
		Ref: ref, Pinned: f.host + "/team/app@" + digestOf(t, img),
		Config: &executor.ImageConfig{
			Env: map[string]string{"PATH": "/bin", "EMPTY": "", "A": "b=c"}, Entrypoint: []string{"/bin/x"},
			Cmd: []string{"y"}, User: "7:8", WorkingDir: "/w",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	root := rootfs(t, s, got.Pinned)
	if root.Digest != digestOf(t, img) || len(root.Layers) != 4 || root.FlattenOnly {
		t.Errorf("root = %+v", root)
	}
	for i, name := range []string{"a/one", "two", "three", "hello"} {
		if _, err := os.Stat(filepath.Join(root.Layers[i], name)); err != nil {
			t.Error(err)
		}
	}
	for _, sub := range []string{"tmp", "partial", "blobs/sha256"} {
		if left := list(t, s.path(sub)); len(left) > 0 {
			t.Errorf("%s holds %v", sub, left)
		}
	}

	f.counted("GET blobs")
	f.counted("GET manifests")
	resolve(t, s, ref)
	if blobs, manifests := f.counted("GET blobs"), f.counted("GET manifests"); blobs != 0 || manifests != 0 {
		t.Errorf("an unchanged image cost %d blobs and %d manifests", blobs, manifests)
	}
	f.counted("HEAD manifests")
	resolve(t, s, got.Pinned)
	if n := f.counted("HEAD manifests"); n != 0 {
		t.Error("a pinned image was asked for at the registry")
	}
}

func TestPullMovedTag(t *testing.T) {
	registry := startRegistry(t, registryOptions{})
	s := openStore(t)
	ref := registry.push(t, "app:1", simple(t, "old"))
	old := resolve(t, s, ref)
	registry.push(t, "app:1", simple(t, "new"))
	moved := resolve(t, s, ref)
	if old.Pinned == moved.Pinned {
		t.Fatal("the moved tag was not seen")
	}
	wantContent(t, s, moved.Pinned, "new")
	wantContent(t, s, old.Pinned, "old")
	if again := resolve(t, s, old.Pinned); again.Pinned != old.Pinned {
		t.Errorf("pinned image became %s", again.Pinned)
	}
	missing, err := s.Resolve(context.Background(), executor.ImageRequest{Ref: ref, Pull: executor.PullMissing})
	if err != nil || missing.Pinned != moved.Pinned {
		t.Errorf("missing: %v, %v", missing, err)
	}
}

func TestPullPolicies(t *testing.T) {
	registry := startRegistry(t, registryOptions{})
	f := startFront(t, registry.host)
	img := simple(t, "x")
	registry.push(t, "app:1", img)
	tag, digest := f.host+"/app:1", f.host+"/app@"+digestOf(t, img)
	for _, test := range []struct {
		ref   string
		pull  executor.PullPolicy
		local bool
		asks  bool
		ok    bool
	}{
		{tag, executor.PullAuto, false, true, true},
		{tag, executor.PullAuto, true, true, true},
		{tag, executor.PullAlways, true, true, true},
		{tag, executor.PullMissing, false, true, true},
		{tag, executor.PullMissing, true, false, true},
		{tag, executor.PullNever, true, false, true},
		{tag, executor.PullNever, false, false, false},
		{digest, executor.PullAuto, false, true, true},
		{digest, executor.PullAuto, true, false, true},
		{digest, executor.PullAlways, true, true, true},
		{digest, executor.PullMissing, true, false, true},
		{digest, executor.PullNever, true, false, true},
		{digest, executor.PullNever, false, false, false},
	} {
		s := openStore(t)
		if test.local {
			resolve(t, s, test.ref)
		}
		f.counted("HEAD manifests")
		f.counted("GET manifests")
		_, err := s.Resolve(context.Background(), executor.ImageRequest{Ref: test.ref, Pull: test.pull})
		asked := f.counted("HEAD manifests")+f.counted("GET manifests") > 0
		if asked != test.asks || (err == nil) != test.ok {
			t.Errorf("%+v: asked %v, error %v", test, asked, err)
		}
		if !test.ok && !errors.Is(err, executor.ErrImageNotFound) {
			t.Errorf("%+v: error %v", test, err)
		}
	}
}

func TestPullErrors(t *testing.T) {
	registry := startRegistry(t, registryOptions{})
	registry.push(t, "app:1", simple(t, "x"))
	registry.push(t, "arm:1", configured(t, simple(t, "x"), "s390x"))
	nowhere := "127.0.0.1:1"
	for _, test := range []struct {
		name, ref string
		is        error
		want      string
	}{
		{"absent tag", registry.host + "/app:2", executor.ErrImageNotFound, "manifest_unknown"},
		{"absent repository", registry.host + "/none:1", executor.ErrImageNotFound, "does not have it"},
		{"absent digest", registry.host + "/app@sha256:" + strings.Repeat("0", 64), executor.ErrImageNotFound, "does not have it"},
		{"nobody listens", nowhere + "/app:1", executor.ErrUnreachable, "connection refused"},
		{"other machine", registry.host + "/arm:1", executor.ErrUnsupported, "the image is for linux/s390x"},
		{"bad name", "UPPER/case", executor.ErrImageNotFound, "not a valid reference"},
		{"bad digest", registry.host + "/app@sha256:123", executor.ErrImageNotFound, "not a valid reference"},
		{"empty", "", executor.ErrImageNotFound, "not a valid reference"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openStore(t)
			_, err := s.Resolve(context.Background(), executor.ImageRequest{Ref: test.ref})
			if !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error = %v", err)
			}
			wantNothing(t, s)
		})
	}
}

func TestPullWithPassword(t *testing.T) {
	registry := startRegistry(t, registryOptions{htpasswd: true})
	ref := registry.push(t, "app:1", simple(t, "x"))
	logIn(t, registry.host, "wrong-password")
	s := openStore(t)
	_, err := s.Resolve(context.Background(), executor.ImageRequest{Ref: ref})
	if !errors.Is(err, executor.ErrUnauthorized) || strings.Contains(err.Error(), "wrong-password") {
		t.Fatalf("wrong password: %v", err)
	}
	wantNothing(t, s)
	logIn(t, registry.host, testPassword)
	wantContent(t, s, resolve(t, s, ref).Pinned, "x")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	_, err = openStore(t).Resolve(context.Background(), executor.ImageRequest{Ref: ref})
	if !errors.Is(err, executor.ErrUnauthorized) {
		t.Fatalf("no password: %v", err)
	}
}

func TestPullTLS(t *testing.T) {
	registry := startRegistry(t, registryOptions{tls: true, htpasswd: true})
	logIn(t, registry.host, testPassword)
	ref := registry.push(t, "app:1", simple(t, "x"))
	_, err := openStore(t).Resolve(context.Background(), executor.ImageRequest{Ref: ref})
	if !errors.Is(err, executor.ErrUnreachable) || !strings.Contains(err.Error(), "certificate is not trusted") {
		t.Fatalf("unknown authority: %v", err)
	}
	certs := t.TempDir()
	if err := os.Mkdir(filepath.Join(certs, registry.host), 0o700); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(registry.ca)
	if err != nil {
		t.Fatal(err)
	}
	writeTestFile(t, filepath.Join(certs, registry.host, "ca.crt"), data)
	s := openStore(t, func(o *Options) { o.CertDirs = []string{certs} })
	wantContent(t, s, resolve(t, s, ref).Pinned, "x")
}

func TestPlainHTTPStaysHere(t *testing.T) {
	inner := http.NewFileTransport(http.Dir(t.TempDir()))
	for target, ok := range map[string]bool{
		"http://127.0.0.1:5000/": true, "http://127.9.9.9/": true, "http://localhost:1/": true, "http://[::1]:1/": true,
		"http://10.0.0.1/": false, "http://registry.example/": false, "https://registry.example/": true,
	} {
		req, err := http.NewRequest(http.MethodGet, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := guard{inner}.RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if (err == nil) != ok || !ok && !errors.Is(err, executor.ErrUnsupported) {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestPullFailsWithLocalCopy(t *testing.T) {
	registry := startRegistry(t, registryOptions{})
	f := startFront(t, registry.host)
	s := openStore(t)
	registry.push(t, "app:1", simple(t, "x"))
	ref := f.host + "/app:1"
	first := resolve(t, s, ref)
	f.Close()
	var heard []executor.Progress
	req := executor.ImageRequest{Ref: ref, Progress: func(p executor.Progress) { heard = append(heard, p) }}
	second, err := s.Resolve(context.Background(), req)
	if err != nil || second.Pinned != first.Pinned {
		t.Fatalf("%v, %v", second, err)
	}
	if len(heard) != 1 || !heard[0].Warning || !strings.Contains(heard[0].Message, "using the local copy") {
		t.Errorf("heard %+v", heard)
	}
	for _, policy := range []executor.PullPolicy{executor.PullAlways} {
		req.Pull = policy
		if _, err := s.Resolve(context.Background(), req); !errors.Is(err, executor.ErrUnreachable) {
			t.Errorf("%s: %v", policy, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Resolve(ctx, executor.ImageRequest{Ref: ref}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestPullRetries(t *testing.T) {
	registry := startRegistry(t, registryOptions{})
	f := startFront(t, registry.host)
	registry.push(t, "app:1", simple(t, "x"))
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway} {
		left := map[string]int{"manifests": 2, "blobs": 2, "other": 2}
		f.interfere(func(w http.ResponseWriter, r *http.Request) bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			kind := kindOfPath(r.URL.Path)
			if left[kind]--; left[kind] < 0 {
				return false
			}
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(status)
			return true
		})
		s := openStore(t)
		wantContent(t, s, resolve(t, s, f.host+"/app:1").Pinned, "x")
	}
	f.interfere(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	s := openStore(t)
	_, err := s.Resolve(context.Background(), executor.ImageRequest{Ref: f.host + "/app:1"})
	if !errors.Is(err, executor.ErrUnreachable) || !strings.Contains(err.Error(), "429") {
		t.Errorf("error = %v", err)
	}
	wantNothing(t, s)
}

func TestPullFromSilentRegistry(t *testing.T) {
	registry := startRegistry(t, registryOptions{})
	f := startFront(t, registry.host)
	registry.push(t, "app:1", simple(t, "x"))
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) }) // before the server is closed, which waits
	for _, test := range []struct {
		silent string
		begins bool
	}{{"other", false}, {"manifests", false}, {"blobs", false}, {"blobs", true}, {"manifests", true}} {
		f.interfere(func(w http.ResponseWriter, r *http.Request) bool {
			if kindOfPath(r.URL.Path) != test.silent || r.Method != http.MethodGet {
				return false
			}
			if test.begins {
				w.Header().Set("Content-Length", "10000")
				_, _ = w.Write([]byte("{"))
				w.(http.Flusher).Flush()
			}
			select {
			case <-stop:
			case <-r.Context().Done():
			}
			return true
		})
		s := openStore(t, func(o *Options) { o.Timeout = 50 * time.Millisecond })
		_, err := s.Resolve(context.Background(), executor.ImageRequest{Ref: f.host + "/app:1"})
		if !errors.Is(err, executor.ErrUnreachable) {
			t.Errorf("%+v: %v", test, err)
		}
		wantNothing(t, s)
	}
}
