//go:build cgo

package native_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
	"gitlab.com/f5-pwe/kog/v3/executor/native"
)

const busybox = "/bin/busybox"

// counter makes IDs.
var counter atomic.Int64

func digest(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// needBusybox skips a test where there is no static busybox, unless native is
// in KOG_TEST_REQUIRE.
func needBusybox(t testing.TB) {
	t.Helper()
	needNative(t)
	if _, err := os.Stat(busybox); err != nil {
		executortest.Unavailable(t, native.Name, "no "+busybox+"; on Debian: apt-get install busybox-static")
	}
}

// file is an entry of a test image: a directory when its name ends with a
// slash, a link when link is set.
type file struct {
	name, data, link string
	mode             int64
}

var applets = []string{"sh", "cat", "echo", "true", "sleep", "id", "ls", "env", "dd", "mount", "mknod", "chmod", "touch", "hostname", "pwd", "stat", "kill", "ip", "yes", "head", "mkdir", "rm", "grep", "wc", "sync", "tr"}

func busyboxFiles(t testing.TB) []file {
	t.Helper()
	data, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	files := []file{
		{name: "bin/", mode: 0o755},
		{name: "bin/busybox", data: string(data), mode: 0o755},
		{name: "etc/", mode: 0o755},
		{name: "etc/passwd", data: "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n", mode: 0o644},
		{name: "etc/group", data: "root:x:0:\nalice:x:1000:\nstaff:x:50:alice\n", mode: 0o644},
		{name: "home/alice/", mode: 0o755},
		{name: "tmp/", mode: 0o1777},
	}
	for _, a := range applets {
		files = append(files, file{name: "bin/" + a, link: "busybox"})
	}
	return files
}

// image writes a docker-archive with one layer and returns its reference.
func image(t testing.TB, config map[string]any, files ...file) string {
	t.Helper()
	return imageOf(t, config, files)
}

// imageOf is image with several layers, the lowest first.
func imageOf(t testing.TB, config map[string]any, layers ...[]file) string {
	t.Helper()
	var archive []file
	var names, ids []string
	for i, files := range layers {
		layer := tarOf(t, files)
		name := fmt.Sprintf("layer%d.tar", i)
		names, ids = append(names, name), append(ids, digest(layer))
		archive = append(archive, file{name: name, data: string(layer), mode: 0o644})
	}
	for name, v := range map[string]any{
		"config.json": map[string]any{
			"architecture": runtime.GOARCH, "os": "linux", "config": config,
			"rootfs": map[string]any{"type": "layers", "diff_ids": ids},
		},
		"manifest.json": []map[string]any{{"Config": "config.json", "RepoTags": nil, "Layers": names}},
	} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		archive = append(archive, file{name: name, data: string(data), mode: 0o644})
	}
	name := filepath.Join(tempDir(t), "image.tar")
	if err := os.WriteFile(name, tarOf(t, archive), 0o644); err != nil {
		t.Fatal(err)
	}
	return "docker-archive:" + name
}

func tarOf(t testing.TB, files []file) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), Typeflag: tar.TypeReg}
		switch {
		case strings.HasSuffix(f.name, "/"):
			h.Typeflag = tar.TypeDir
		case f.link != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.link
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// tempDir is like t.TempDir, but an ordinary user can get into it.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kog-native-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fixture is an executor with a busybox image.
type fixture struct {
	*native.Executor
	dir   string
	image executor.Image
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	needBusybox(t)
	return fixtureIn(t, tempDir(t), image(t, map[string]any{"Env": []string{"PATH=/bin"}}, busyboxFiles(t)...))
}

func fixtureIn(t testing.TB, dir, ref string) *fixture {
	t.Helper()
	e, err := native.New(native.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{Executor: e, dir: dir}
	if f.image, err = e.Resolve(t.Context(), executor.ImageRequest{Ref: ref}); err != nil {
		t.Fatal(err)
	}
	return f
}

// spec runs a shell script.
func (f *fixture) spec(id, script string) executor.Spec {
	return executor.Spec{
		ID: id, Image: f.image.Pinned, Entrypoint: []string{"/bin/sh", "-c", script},
		Labels: map[string]string{"test": "native"},
	}
}

// start starts a container that is removed at the test's end.
func (f *fixture) start(t testing.TB, spec executor.Spec) executor.Process {
	t.Helper()
	p, err := f.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	removeAtEnd(t, p)
	return p
}

func removeAtEnd(t testing.TB, p executor.Process) {
	t.Cleanup(func() {
		if err := p.Remove(cleanupContext(t)); err != nil {
			t.Error(err)
		}
	})
}

// result is what a container did.
type result struct {
	executor.Exit
	stdout, stderr string
}

// run starts a container and waits for its end.
func (f *fixture) run(t testing.TB, spec executor.Spec) result {
	t.Helper()
	p := f.start(t, spec)
	var out, err bytes.Buffer
	if ferr := p.Follow(t.Context(), &out, &err); ferr != nil {
		t.Fatal(ferr)
	}
	exit, werr := p.Wait(t.Context())
	if werr != nil {
		t.Fatal(werr)
	}
	return result{Exit: exit, stdout: out.String(), stderr: err.String()}
}

func (f *fixture) script(t testing.TB, script string) result {
	t.Helper()
	return f.run(t, f.spec(nextID(), script))
}

func nextID() string { return fmt.Sprintf("t%d", counter.Add(1)) }

// needFeature skips where an ability is missing.
func needFeature(t testing.TB, f *fixture, feature executor.Feature) {
	t.Helper()
	info, err := f.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !info.Has(feature) {
		t.Skipf("no %s: %s", feature, info.Features[feature].Why)
	}
}
