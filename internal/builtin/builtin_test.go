package builtin_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/internal/builtin"
)

// TestMain makes the test binary what a kog binary is: both programs in one.
func TestMain(m *testing.M) {
	if code, ok := builtin.Dispatch(); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

func linuxOnly(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "linux" {
		return
	}
	if _, err := (builtin.Images{}).Key(builtin.AutoResult); !errors.Is(err, executor.ErrUnsupported) {
		t.Errorf("Key: %v, want ErrUnsupported", err)
	}
	t.Skip("the image is made from a linux binary")
}

func archive(t *testing.T) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := (builtin.Images{}).WriteArchive(t.Context(), builtin.AutoResult, &buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// readTar gives the entries of a tar by name.
func readTar(t *testing.T, data []byte) (map[string][]byte, map[string]*tar.Header) {
	t.Helper()
	contents, headers := map[string][]byte{}, map[string]*tar.Header{}
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return contents, headers
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if headers[h.Name] != nil {
			t.Errorf("entry %s is there twice", h.Name)
		}
		contents[h.Name], headers[h.Name] = body, h
	}
}

func TestArchive(t *testing.T) {
	linuxOnly(t)
	outer, _ := readTar(t, archive(t))
	var manifest []struct {
		Config string
		Layers []string
	}
	if err := json.Unmarshal(outer["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest) != 1 || len(manifest[0].Layers) != 1 {
		t.Fatalf("manifest %s", outer["manifest.json"])
	}
	layer := outer[manifest[0].Layers[0]]
	var config struct {
		OS, Architecture string
		Config           struct{ Env, Entrypoint []string }
		RootFS           struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	if err := json.Unmarshal(outer[manifest[0].Config], &config); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("sha256:%x", sha256.Sum256(layer)); !slices.Equal(config.RootFS.DiffIDs, []string{want}) {
		t.Errorf("diff IDs %v, want %s", config.RootFS.DiffIDs, want)
	}
	if config.OS != "linux" || config.Architecture != runtime.GOARCH {
		t.Errorf("platform %s/%s", config.OS, config.Architecture)
	}
	if !slices.Equal(config.Config.Entrypoint, []string{"/auto-result"}) {
		t.Errorf("entrypoint %v", config.Config.Entrypoint)
	}
	for _, want := range []string{"KOG_ENV_CONTEXT=true", "KOG_CONTEXT_FILE=" + action.DefaultContextFile} {
		if !slices.Contains(config.Config.Env, want) {
			t.Errorf("%s is not in ENV %v", want, config.Config.Env)
		}
	}
	files, headers := readTar(t, layer)
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(files["auto-result"], self) {
		t.Error("/auto-result is not the running binary")
	}
	if headers["tmp/"] == nil || headers["tmp/"].Mode != 0o1777 {
		t.Error("/tmp is missing or not open to everyone")
	}
	if !strings.HasPrefix(string(files["etc/passwd"]), "root:x:0:0:") {
		t.Errorf("/etc/passwd: %q", files["etc/passwd"])
	}
	for name := range headers {
		if dir := filepath.Dir(strings.TrimSuffix(name, "/")); dir != "." && headers[dir+"/"] == nil {
			t.Errorf("%s comes without its folder", name)
		}
	}
}

func TestArchiveIsTheSameEveryTime(t *testing.T) {
	linuxOnly(t)
	if !bytes.Equal(archive(t), archive(t)) {
		t.Error("two archives of one binary differ")
	}
	first, err := builtin.Images{}.Key(builtin.AutoResult)
	if err != nil {
		t.Fatal(err)
	}
	second, err := builtin.Images{}.Key(builtin.AutoResult)
	if err != nil || first != second || len(first) != 64 {
		t.Errorf("keys %q and %q, %v", first, second, err)
	}
}

func TestUnknownImage(t *testing.T) {
	_, keyErr := builtin.Images{}.Key("auto-reslt")
	writeErr := builtin.Images{}.WriteArchive(t.Context(), "auto-reslt", io.Discard)
	for _, err := range []error{keyErr, writeErr} {
		if !errors.Is(err, executor.ErrImageNotFound) || !strings.Contains(err.Error(), "builtin:auto-result") {
			t.Errorf("error %v, want ErrImageNotFound that names the known image", err)
		}
	}
}

func TestArchiveEndsWithContext(t *testing.T) {
	linuxOnly(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("no longer wanted")
	cancel(why)
	if err := (builtin.Images{}).WriteArchive(ctx, builtin.AutoResult, io.Discard); !errors.Is(err, why) {
		t.Errorf("error %v, want the cause", err)
	}
}

// brokenWriter fails after n bytes.
type brokenWriter struct{ n int }

var errBroken = errors.New("broken")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.n -= len(p); w.n < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

func TestArchiveWriteErrors(t *testing.T) {
	linuxOnly(t)
	whole := len(archive(t))
	for _, n := range []int{0, 600, 5000, whole - 1} {
		if err := (builtin.Images{}).WriteArchive(t.Context(), builtin.AutoResult, &brokenWriter{n}); !errors.Is(err, errBroken) {
			t.Errorf("writer that breaks after %d bytes: %v", n, err)
		}
	}
}

// TestImageRuns unpacks the image and runs its entry point with the image as
// root folder, which shows that nothing is missing in it.
func TestImageRuns(t *testing.T) {
	linuxOnly(t)
	if os.Getuid() != 0 {
		t.Skip("changing the root folder needs root")
	}
	outer, _ := readTar(t, archive(t))
	root := t.TempDir()
	files, headers := readTar(t, outer["layer.tar"])
	for name, h := range headers {
		dest := filepath.Join(root, name)
		if h.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(dest, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dest, files[name], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dest, h.FileInfo().Mode()); err != nil {
			t.Fatal(err)
		}
	}
	var config struct{ Config struct{ Env []string } }
	if err := json.Unmarshal(outer["config.json"], &config); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/auto-result")
	cmd.Env = append([]string{"MESSAGE=from inside", "KOG_CONTEXT=e30="}, config.Config.Env...)
	cmd.Dir = "/"
	chroot(cmd, root)
	out, err := cmd.Output()
	if err != nil || !strings.HasPrefix(string(out), `KOG:{"result":"success","rc":0,"message":"from inside"`) {
		t.Errorf("%v, output %q", err, out)
	}
}

func BenchmarkKey(b *testing.B) {
	for b.Loop() {
		if _, err := (builtin.Images{}).Key(builtin.AutoResult); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteArchive(b *testing.B) {
	for b.Loop() {
		if err := (builtin.Images{}).WriteArchive(b.Context(), builtin.AutoResult, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
