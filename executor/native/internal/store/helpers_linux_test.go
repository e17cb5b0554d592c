package store

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// openStore opens a store as the user who runs the test may use it.
func openStore(t testing.TB, change ...func(*Options)) *Store {
	t.Helper()
	o := Options{Rootless: os.Geteuid() != 0, Backoff: time.Millisecond, CertDirs: []string{}}
	for _, c := range change {
		c(&o)
	}
	s, err := Open(filepath.Join(t.TempDir(), "store"), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// entries of a test layer
func file(name, content string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content)), Linkname: content}
}

func dir(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}
}

func symlink(name, target string) tar.Header {
	return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}
}

func hardlink(name, target string) tar.Header {
	return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, Mode: 0o644}
}

// layerTar writes entries. The content of a file stands in its Linkname.
func layerTar(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, hdr := range entries {
		content := ""
		if hdr.Typeflag == tar.TypeReg {
			content, hdr.Linkname = hdr.Linkname, ""
		}
		if hdr.ModTime.IsZero() {
			hdr.ModTime = time.Unix(1700000000, 0)
		}
		if err := w.WriteHeader(&hdr); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, err := w.Write(data)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func zstded(t testing.TB, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// testLayer is a layer with given stored bytes.
type testLayer struct {
	v1.Layer
	stored []byte
	media  types.MediaType
}

func (l testLayer) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.stored)), nil
}
func (l testLayer) Size() (int64, error) { return int64(len(l.stored)), nil }
func (l testLayer) Digest() (v1.Hash, error) {
	h, _, err := v1.SHA256(bytes.NewReader(l.stored))
	return h, err
}
func (l testLayer) MediaType() (types.MediaType, error) { return l.media, nil }

// asLayer makes a layer of a tar, stored as the media type says.
func asLayer(t testing.TB, plain []byte, media types.MediaType) v1.Layer {
	t.Helper()
	inner, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(plain)), nil })
	if err != nil {
		t.Fatal(err)
	}
	stored := plain
	switch media {
	case types.DockerLayer, types.OCILayer:
		stored = gzipped(t, plain)
	case types.OCILayerZStd:
		stored = zstded(t, plain)
	}
	return testLayer{Layer: inner, stored: stored, media: media}
}

// testImage is an image of those layers for this machine.
func testImage(t testing.TB, layers ...v1.Layer) v1.Image {
	t.Helper()
	img, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		t.Fatal(err)
	}
	return configured(t, img, runtime.GOARCH)
}

func configured(t testing.TB, img v1.Image, arch string) v1.Image {
	t.Helper()
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c = c.DeepCopy()
	c.OS, c.Architecture = "linux", arch
	c.Config = v1.Config{
		Env: []string{"PATH=/bin", "EMPTY=", "A=b=c"}, Entrypoint: []string{"/bin/x"}, Cmd: []string{"y"},
		User: "7:8", WorkingDir: "/w",
	}
	if img, err = mutate.ConfigFile(img, c); err != nil {
		t.Fatal(err)
	}
	return img
}

// simple is an image of one gzipped layer with one file.
func simple(t testing.TB, content string) v1.Image {
	t.Helper()
	return testImage(t, asLayer(t, layerTar(t, dir("./"), file("hello", content)), types.DockerLayer))
}

func digestOf(t testing.TB, img v1.Image) string {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func resolve(t testing.TB, s *Store, ref string) executor.Image {
	t.Helper()
	img, err := s.Resolve(context.Background(), executor.ImageRequest{Ref: ref})
	if err != nil {
		t.Fatalf("Resolve(%s): %v", ref, err)
	}
	return img
}

func rootfs(t testing.TB, s *Store, pinned string) Rootfs {
	t.Helper()
	root, err := s.Rootfs(context.Background(), pinned)
	if err != nil {
		t.Fatalf("Rootfs(%s): %v", pinned, err)
	}
	return root
}

// wantContent checks the file hello of an image.
func wantContent(t testing.TB, s *Store, pinned, want string) {
	t.Helper()
	root := rootfs(t, s, pinned)
	got, err := os.ReadFile(filepath.Join(root.Layers[len(root.Layers)-1], "hello"))
	if err != nil || string(got) != want {
		t.Errorf("hello = %q, %v; want %q", got, err, want)
	}
}

// wantNothing checks that a failure left nothing that a later run would use,
// nor anything temporary.
func wantNothing(t testing.TB, s *Store) {
	t.Helper()
	for _, sub := range []string{s.layers, "tmp", "images", "refs", "blobs/sha256"} {
		for _, e := range list(t, s.path(sub)) {
			t.Errorf("left behind: %s/%s", sub, e)
		}
	}
}

func list(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// snapshot describes every file below dir in one line: mode, owner, what it
// holds or leads to, marks.
func snapshot(t testing.TB, dir string) []string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		line := fmt.Sprintf("%s %o", name, st.Mode)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %q", data)
		case unix.S_IFLNK:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " -> " + target
		case unix.S_IFDIR:
			for _, attr := range []string{"trusted.overlay.opaque", "user.overlay.opaque"} {
				value := make([]byte, 8)
				if n, err := unix.Lgetxattr(path, attr, value); err == nil {
					line += " " + attr + "=" + string(value[:n])
				}
			}
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}

// has reports whether a snapshot has a line that begins so.
func has(lines []string, prefix string) bool {
	return slices.ContainsFunc(lines, func(l string) bool { return l == prefix || strings.HasPrefix(l, prefix+" ") })
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}
