package store

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// writeLayout makes an OCI layout with images by tag.
func writeLayout(t testing.TB, images map[string]v1.Image) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "with:colon")
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	for tag, img := range images {
		var opts []layout.Option
		if tag != "" {
			opts = append(opts, layout.WithAnnotations(map[string]string{refAnnotation: tag}))
		}
		if err := path.AppendImage(img, opts...); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// packed makes a tar of a folder.
func packed(t testing.TB, dir string) string {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	if err := errors.Join(w.AddFS(os.DirFS(dir)), w.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "archive.tar")
	writeTestFile(t, path, buf.Bytes())
	return path
}

func saveDocker(t testing.TB, images map[string]v1.Image) string {
	t.Helper()
	refs := map[name.Reference]v1.Image{}
	for tag, img := range images {
		ref, err := name.NewTag(tag)
		if err != nil {
			t.Fatal(err)
		}
		refs[ref] = img
	}
	path := filepath.Join(t.TempDir(), "docker.tar")
	if err := tarball.MultiRefWriteToFile(path, refs); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLocalImages(t *testing.T) {
	two := map[string]v1.Image{"app:1": simple(t, "one"), "app:2": simple(t, "two")}
	byTag := map[string]v1.Image{"1": two["app:1"], "2": two["app:2"]}
	dir, docker := writeLayout(t, byTag), saveDocker(t, two)
	zipped := filepath.Join(t.TempDir(), "docker.tar.gz")
	data, err := os.ReadFile(docker)
	if err != nil {
		t.Fatal(err)
	}
	writeTestFile(t, zipped, gzipped(t, data))
	for _, test := range []struct{ ref, want string }{
		{"oci:" + dir + ":1", "one"},
		{"oci:" + dir + ":2", "two"},
		{"oci:" + writeLayout(t, map[string]v1.Image{"": two["app:1"]}), "one"},
		{"oci-archive:" + packed(t, dir) + ":2", "two"},
		{"docker-archive:" + docker + ":1", "one"},
		{"docker-archive:" + docker + ":app:2", "two"},
		{"docker-archive:" + zipped + ":2", "two"},
		{"docker-archive:" + saveDocker(t, map[string]v1.Image{"other": two["app:2"]}), "two"},
	} {
		t.Run(test.ref[:strings.Index(test.ref, ":")], func(t *testing.T) {
			s := openStore(t)
			img := resolve(t, s, test.ref)
			wantContent(t, s, img.Pinned, test.want)
			if !strings.HasPrefix(img.Pinned, "store:sha256:") {
				t.Errorf("pinned %s", img.Pinned)
			}
			if left := list(t, s.path("tmp")); len(left) > 0 {
				t.Errorf("left in tmp: %v", left)
			}
			if again := resolve(t, s, test.ref); again.Pinned != img.Pinned {
				t.Errorf("again %s, at first %s", again.Pinned, img.Pinned)
			}
		})
	}
}

// A pinned image outlives the file it came from.
func TestPinnedWithoutFile(t *testing.T) {
	s := openStore(t)
	path := saveDocker(t, map[string]v1.Image{"app": simple(t, "x")})
	pinned := resolve(t, s, "docker-archive:"+path).Pinned
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for _, policy := range []executor.PullPolicy{executor.PullAuto, executor.PullAlways, executor.PullNever} {
		img, err := s.Resolve(context.Background(), executor.ImageRequest{Ref: pinned, Pull: policy})
		if err != nil || img.Pinned != pinned || img.Config == nil {
			t.Errorf("%s: %+v, %v", policy, img, err)
		}
	}
	wantContent(t, s, pinned, "x")
	if _, err := s.Resolve(context.Background(), executor.ImageRequest{Ref: "docker-archive:" + path}); !errors.Is(err, executor.ErrImageNotFound) {
		t.Errorf("removed archive: %v", err)
	}
	if err := os.RemoveAll(rootfs(t, s, pinned).Layers[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Rootfs(context.Background(), pinned); !errors.Is(err, executor.ErrImageNotFound) {
		t.Errorf("removed layer: %v", err)
	}
	if _, err := s.Resolve(context.Background(), executor.ImageRequest{Ref: pinned}); !errors.Is(err, executor.ErrImageNotFound) {
		t.Errorf("removed layer: %v", err)
	}
}

func TestLayoutChanges(t *testing.T) {
	s := openStore(t)
	dir := writeLayout(t, map[string]v1.Image{"": simple(t, "old")})
	old := resolve(t, s, "oci:"+dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(writeLayout(t, map[string]v1.Image{"": simple(t, "new")}), dir); err != nil {
		t.Fatal(err)
	}
	moved := resolve(t, s, "oci:"+dir)
	wantContent(t, s, moved.Pinned, "new")
	wantContent(t, s, old.Pinned, "old")
}

func TestPlatforms(t *testing.T) {
	s := openStore(t)
	index := func(platforms ...v1.Platform) string {
		var idx v1.ImageIndex = empty.Index
		for _, p := range platforms {
			idx = mutate.AppendManifests(idx, mutate.IndexAddendum{
				Add: configured(t, simple(t, p.String()), p.Architecture), Descriptor: v1.Descriptor{Platform: &p},
			})
		}
		dir := t.TempDir()
		path, err := layout.Write(dir, empty.Index)
		if err != nil {
			t.Fatal(err)
		}
		if err := path.AppendIndex(idx); err != nil {
			t.Fatal(err)
		}
		return "oci:" + dir
	}
	here := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	special := v1.Platform{OS: "linux", Architecture: runtime.GOARCH, Variant: "v9"}
	other := v1.Platform{OS: "linux", Architecture: "s390x"}
	windows := v1.Platform{OS: "windows", Architecture: runtime.GOARCH}
	attestation := v1.Platform{OS: "unknown", Architecture: "unknown"}
	wantContent(t, s, resolve(t, s, index(attestation, windows, other, special, here)).Pinned, here.String())
	wantContent(t, s, resolve(t, s, index(other, special)).Pinned, special.String())
	_, err := s.Resolve(context.Background(), executor.ImageRequest{Ref: index(attestation, windows, other)})
	if !errors.Is(err, executor.ErrUnsupported) || !strings.Contains(err.Error(), "only for linux/s390x, windows/"+runtime.GOARCH) {
		t.Errorf("error = %v", err)
	}
}

func TestBadLocalImages(t *testing.T) {
	good := writeLayout(t, map[string]v1.Image{"1": simple(t, "one"), "2": simple(t, "two")})
	whole, err := os.ReadFile(packed(t, good))
	if err != nil {
		t.Fatal(err)
	}
	docker, err := os.ReadFile(saveDocker(t, map[string]v1.Image{"app": simple(t, "x")}))
	if err != nil {
		t.Fatal(err)
	}
	put := func(data []byte) string {
		path := filepath.Join(t.TempDir(), "a.tar")
		writeTestFile(t, path, data)
		return path
	}
	for _, test := range []struct {
		name, ref, want string
		is              error
	}{
		{"no such folder", "oci:/nowhere/at/all", "there is no file or folder", executor.ErrImageNotFound},
		{"no such file", "docker-archive:/nowhere.tar", "there is no file or folder", executor.ErrImageNotFound},
		{"nothing named", "oci:", "nothing follows oci:", executor.ErrImageNotFound},
		{"a folder of something else", "oci:" + t.TempDir(), "no index.json", executor.ErrImageNotFound},
		{"no such tag", "oci:" + good + ":3", `no image "3"; it has: 1, 2`, executor.ErrImageNotFound},
		{"no tag given", "oci:" + good, "add one of these after a colon: 1, 2", executor.ErrImageNotFound},
		{"changed blob", "oci:" + changed(t), "wrong digest", nil},
		{"missing blob", "oci:" + without(t), "no such file", nil},
		{"archive of the other kind", "docker-archive:" + put(whole), "no manifest.json", executor.ErrImageNotFound},
		{"archive of the other kind", "oci-archive:" + put(docker), "no index.json", executor.ErrImageNotFound},
		{"truncated archive", "oci-archive:" + put(whole[:len(whole)/2]) + ":1", "damaged, truncated", nil},
		{"truncated archive", "docker-archive:" + put(docker[:len(docker)/2]), "", nil},
		{"truncated compressed archive", "docker-archive:" + put(gzipped(t, docker)[:200]), "decompress", nil},
		{"not an archive", "docker-archive:" + put(bytes.Repeat([]byte("text "), 1000)), "damaged, truncated or not an image", nil},
		{"empty file", "docker-archive:" + put(nil), "no manifest.json", executor.ErrImageNotFound},
		{"a folder", "docker-archive:" + t.TempDir(), "not a regular file", nil},
		{"no built-in images", "builtin:x", "no built-in images", executor.ErrImageNotFound},
		{"not stored", "store:sha256:" + strings.Repeat("1", 64), "no longer in the store", executor.ErrImageNotFound},
		{"leads out", "oci:" + writeLayout(t, map[string]v1.Image{"": evil(t)}), `entry "../evil": the name leads out`, errEscapes},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openStore(t)
			_, err := s.Resolve(context.Background(), executor.ImageRequest{Ref: test.ref})
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error = %v", err)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("error %q is not %q", err, test.is)
			}
			wantNothing(t, s)
		})
	}
}

func evil(t testing.TB) v1.Image {
	return testImage(t, asLayer(t, layerTar(t, file("ok", "x"), file("../evil", "x")), types.OCILayer))
}

// changed is a layout whose layer holds something else than its name says.
func changed(t testing.TB) string {
	dir := writeLayout(t, map[string]v1.Image{"": simple(t, "x")})
	writeTestFile(t, layerFile(t, dir), gzipped(t, layerTar(t, file("hello", "y"))))
	return dir
}

func without(t testing.TB) string {
	dir := writeLayout(t, map[string]v1.Image{"": simple(t, "x")})
	if err := os.Remove(layerFile(t, dir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func layerFile(t testing.TB, dir string) string {
	t.Helper()
	d, err := asLayer(t, layerTar(t, dirEntry(), file("hello", "x")), types.DockerLayer).Digest()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "blobs", "sha256", d.Hex)
}

func dirEntry() tar.Header { return dir("./") }

// fakeBuiltin writes an archive with a counted content.
type fakeBuiltin struct {
	t     testing.TB
	key   string
	wrote int
}

func (b *fakeBuiltin) Key(name string) (string, error) {
	if name != "app" {
		return "", executor.ErrImageNotFound
	}
	return b.key, nil
}

func (b *fakeBuiltin) WriteArchive(_ context.Context, _ string, w io.Writer) error {
	b.wrote++
	return tarball.Write(name.MustParseReference("app"), simple(b.t, b.key), w)
}

func TestBuiltin(t *testing.T) {
	b := &fakeBuiltin{t: t, key: "first"}
	s := openStore(t, func(o *Options) { o.Builtin = b })
	first := resolve(t, s, "builtin:app")
	resolve(t, s, "builtin:app")
	wantContent(t, s, first.Pinned, "first")
	if b.wrote != 1 {
		t.Errorf("written %d times", b.wrote)
	}
	b.key = "second"
	wantContent(t, s, resolve(t, s, "builtin:app").Pinned, "second")
	wantContent(t, s, resolve(t, s, first.Pinned).Pinned, "first")
	if _, err := s.Resolve(context.Background(), executor.ImageRequest{Ref: "builtin:other"}); !errors.Is(err, executor.ErrImageNotFound) {
		t.Errorf("unknown name: %v", err)
	}
}

func TestLayerLimit(t *testing.T) {
	s := openStore(t)
	ref := "oci:" + writeLayout(t, map[string]v1.Image{"": simple(t, strings.Repeat("x", 100<<10))})
	t.Setenv(maxLayerEnv, "64K")
	small, err := Open(s.dir, Options{Rootless: s.opts.Rootless})
	if err != nil {
		t.Fatal(err)
	}
	_, err = small.Resolve(context.Background(), executor.ImageRequest{Ref: ref})
	if !errors.Is(err, errTooLarge) || !strings.Contains(err.Error(), "unpacks to more than 64.0 KiB; set KOG_MAX_LAYER_SIZE") {
		t.Fatalf("error = %v", err)
	}
	wantNothing(t, small)
	resolve(t, s, ref)
	t.Setenv(maxLayerEnv, "lots")
	if _, err := Open(s.dir, Options{}); err == nil || !strings.Contains(err.Error(), maxLayerEnv) {
		t.Errorf("bad limit: %v", err)
	}
}

func TestImageConfigIsStable(t *testing.T) {
	s := openStore(t)
	pinned := resolve(t, s, "oci:"+writeLayout(t, map[string]v1.Image{"": simple(t, "x")})).Pinned
	one, err := json.Marshal(resolve(t, s, pinned).Config)
	if err != nil {
		t.Fatal(err)
	}
	two, err := json.Marshal(rootfs(t, s, pinned).Config)
	if err != nil || string(one) != string(two) {
		t.Errorf("%s\n%s\n%v", one, two, err)
	}
}
