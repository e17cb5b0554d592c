package store

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// childTask is what this test program does when it is started again as
// another process: resolve an image and, when asked, flatten it.
type childTask struct {
	Dir, Ref, Flatten string
}

// childAnswer is what it prints.
type childAnswer struct {
	Pinned      string
	Layers      []string
	FlattenOnly bool
	Error       string
}

const childEnv = "KOG_STORE_TEST_TASK"

func TestMain(m *testing.M) {
	if task := os.Getenv(childEnv); task != "" {
		if err := child(task, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func child(text string, out io.Writer) error {
	var task childTask
	if err := json.Unmarshal([]byte(text), &task); err != nil {
		return err
	}
	var answer childAnswer
	if err := answer.run(task); err != nil {
		answer.Error = err.Error()
	}
	return json.NewEncoder(out).Encode(answer)
}

func (a *childAnswer) run(task childTask) error {
	ctx := context.Background()
	s, err := Open(task.Dir, Options{Rootless: os.Geteuid() != 0})
	if err != nil {
		return err
	}
	img, err := s.Resolve(ctx, executor.ImageRequest{Ref: task.Ref})
	if err != nil {
		return err
	}
	root, err := s.Rootfs(ctx, img.Pinned)
	if err != nil {
		return err
	}
	a.Pinned, a.Layers, a.FlattenOnly = img.Pinned, root.Layers, root.FlattenOnly
	if task.Flatten == "" {
		return nil
	}
	return Flatten(ctx, root.Layers, task.Flatten, FlattenOptions{Rootless: os.Geteuid() != 0})
}

// startChild starts this program for a task, as the user uid.
func startChild(t *testing.T, task childTask, uid uint32) func() childAnswer {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	if uid != uint32(os.Geteuid()) {
		cmd.Path = publicCopy(t, self)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	return startCommand(t, cmd, task)
}

func startCommand(t *testing.T, cmd *exec.Cmd, task childTask) func() childAnswer {
	t.Helper()
	text, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = []string{childEnv + "=" + string(text), "HOME=/nonexistent", "PATH=" + os.Getenv("PATH")}
	cmd.Dir = "/"
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return func() childAnswer {
		t.Helper()
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v: %s", err, stderr.String())
		}
		var answer childAnswer
		if err := json.Unmarshal([]byte(stdout.String()), &answer); err != nil {
			t.Fatalf("%v in %q", err, stdout.String())
		}
		return answer
	}
}

// publicDir is a folder that every user may enter; t.TempDir is not.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kog-store-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func publicCopy(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(publicDir(t), "test")
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestTwoProcessesAtOnce(t *testing.T) {
	registry := startRegistry(t, registryOptions{})
	f := startFront(t, registry.host)
	img := testImage(t,
		asLayer(t, layerTar(t, file("one", "1")), types.DockerLayer),
		asLayer(t, layerTar(t, file("hello", "2")), types.DockerLayer))
	registry.push(t, "app:1", img)
	// Layers are held back until both processes have the manifest.
	both := make(chan struct{})
	var mu sync.Mutex
	manifests := 0
	f.interfere(func(_ http.ResponseWriter, r *http.Request) bool {
		switch kindOfPath(r.URL.Path) {
		case "manifests":
			mu.Lock()
			if manifests++; manifests == 2 {
				close(both)
			}
			mu.Unlock()
		case "blobs":
			select {
			case <-both:
			case <-r.Context().Done():
			}
		}
		return false
	})
	dir := filepath.Join(t.TempDir(), "store")
	task := childTask{Dir: dir, Ref: f.host + "/app:1"}
	one := startChild(t, task, uint32(os.Geteuid()))
	two := startChild(t, task, uint32(os.Geteuid()))
	a, b := one(), two()
	if a.Error != "" || b.Error != "" || a.Pinned != b.Pinned || !slices.Equal(a.Layers, b.Layers) {
		t.Fatalf("%+v\n%+v", a, b)
	}
	// Each of the two fetches the small configuration for itself.
	if n := f.counted("GET blobs"); n != 2+2 {
		t.Errorf("%d blobs were fetched, want each layer once and the configuration twice", n)
	}
}

func TestManyCallsAtOnce(t *testing.T) {
	registry := startRegistry(t, registryOptions{})
	f := startFront(t, registry.host)
	registry.push(t, "app:1", simple(t, "x"))
	s := openStore(t)
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			img, err := s.Resolve(context.Background(), executor.ImageRequest{Ref: f.host + "/app:1"})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := s.Rootfs(context.Background(), img.Pinned); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if n := f.counted("GET blobs"); n > 8+1 {
		t.Errorf("%d blobs were fetched, want the layer once", n)
	}
}

func TestOrdinaryUser(t *testing.T) {
	needRoot(t)
	const nobody = 65534
	work := publicDir(t)
	home := filepath.Join(work, "home")
	if err := errors.Join(os.Mkdir(home, 0o700), os.Chown(home, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	img := testImage(t,
		asLayer(t, layerTar(t, tar.Header{Typeflag: tar.TypeDir, Name: ".", Mode: 0o555},
			dir("d"), file("d/old", "1"), file("gone", "1"),
			tar.Header{Typeflag: tar.TypeReg, Name: "shadow", Mode: 0, Uid: 0, Gid: 42},
			tar.Header{Typeflag: tar.TypeDir, Name: "locked", Mode: 0o555}, file("locked/x", "1")), types.DockerLayer),
		asLayer(t, layerTar(t, file(".wh.gone", ""), file("d/.wh..wh..opq", ""), file("d/new", "2"),
			tar.Header{Typeflag: tar.TypeReg, Name: "suid", Mode: 0o4755}), types.DockerLayer))
	archive := filepath.Join(work, "image.tar")
	data, err := os.ReadFile(saveDocker(t, map[string]v1.Image{"app": img}))
	if err := errors.Join(err, os.WriteFile(archive, data, 0o644)); err != nil {
		t.Fatal(err)
	}
	flat := filepath.Join(home, "flat")
	answer := startChild(t, childTask{Dir: filepath.Join(home, "store"), Ref: "docker-archive:" + archive, Flatten: flat}, nobody)()
	if answer.Error != "" || len(answer.Layers) != 2 {
		t.Fatalf("%+v", answer)
	}
	upper := snapshot(t, answer.Layers[1])
	want := []string{"gone 20000", "d 40755 user.overlay.opaque=y", `suid 104755 ""`}
	if answer.FlattenOnly { // an old kernel or file system
		want = []string{".wh.gone", "d/.wh..wh..opq", `suid 104755 ""`}
	}
	for _, line := range want {
		if !slices.ContainsFunc(upper, func(l string) bool { return strings.HasPrefix(l, line) }) {
			t.Errorf("no %q in\n%s", line, strings.Join(upper, "\n"))
		}
	}
	got := snapshot(t, flat)
	// The root is the upper layer's, which has no entry for it. The owner may
	// read everything.
	wantFlat := slices.Sorted(slices.Values([]string{
		". 40755", "d 40755", `d/new 100644 "2"`, "locked 40755", `locked/x 100644 "1"`, `shadow 100400 ""`, `suid 104755 ""`,
	}))
	if !slices.Equal(got, wantFlat) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wantFlat, "\n"))
	}
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(flat, "shadow"), &st); err != nil || st.Uid != nobody {
		t.Errorf("owner %d, %v", st.Uid, err)
	}
}

// Without CAP_SYS_ADMIN, as in most containers, root may not set the attributes
// of overlayfs: the layer keeps the image's marks, and Flatten reads them.
func TestRootWithoutSysAdmin(t *testing.T) {
	needRoot(t)
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("needs setpriv")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	img := testImage(t,
		asLayer(t, layerTar(t, dir("d"), file("d/old", "1"), file("gone", "1")), types.DockerLayer),
		asLayer(t, layerTar(t, file(".wh.gone", ""), file("d/.wh..wh..opq", ""), file("d/new", "2")), types.DockerLayer))
	work := t.TempDir()
	task := childTask{
		Dir: filepath.Join(work, "store"), Flatten: filepath.Join(work, "flat"),
		Ref: "docker-archive:" + saveDocker(t, map[string]v1.Image{"app": img}),
	}
	answer := startCommand(t, exec.Command(setpriv, "--bounding-set=-sys_admin", "--", self), task)()
	if answer.Error != "" || !answer.FlattenOnly || !strings.HasSuffix(answer.Layers[1], flatSuffix) {
		t.Fatalf("%+v", answer)
	}
	want := []string{". 40755", "d 40755", `d/new 100644 "2"`}
	if got := snapshot(t, task.Flatten); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// An overlay in a user namespace must understand the marks.
func TestOrdinaryUserOverlay(t *testing.T) {
	needRoot(t)
	lower, upper := t.TempDir(), t.TempDir()
	for i, entries := range [][]tar.Header{
		{dir("d"), file("d/old", "1"), file("gone", "1")},
		{file(".wh.gone", ""), dir("d"), file("d/.wh..wh..opq", ""), file("d/new", "2")},
	} {
		in, err := newStream(context.Background(), strings.NewReader(string(layerTar(t, entries...))), layer{}, testLimit)
		if err != nil {
			t.Fatal(err)
		}
		flat, err := unpack([]string{lower, upper}[i], in, unpackOptions{rootless: true})
		if err != nil {
			t.Fatal(err)
		}
		if flat {
			t.Skip("the file system does not take the marks")
		}
	}
	mnt := t.TempDir()
	if err := unix.Mount("overlay", mnt, "overlay", 0, "userxattr,lowerdir="+upper+":"+lower); err != nil {
		t.Skipf("no overlay mounts here: %v", err)
	}
	got := snapshot(t, mnt)
	if err := unix.Unmount(mnt, 0); err != nil {
		t.Error(err)
	}
	if has(got, "gone") || has(got, "d/old") || !has(got, "d/new") {
		t.Errorf("overlay shows\n%s", strings.Join(got, "\n"))
	}
}

func TestDiskFull(t *testing.T) {
	needRoot(t)
	registry := startRegistry(t, registryOptions{})
	img, _, _ := noise(t, 3<<20)
	ref := registry.push(t, "big:1", img)
	zeros := testImage(t, asLayer(t, layerTar(t, file("zeros", strings.Repeat("\x00", 3<<20)), file("hello", "end")), types.DockerLayer))
	for name, ref := range map[string]string{
		"while downloading": ref,
		"while unpacking":   registry.push(t, "zeros:1", zeros),
		"from an archive":   "docker-archive:" + saveDocker(t, map[string]v1.Image{"app": zeros}),
	} {
		t.Run(name, func(t *testing.T) {
			mnt := t.TempDir()
			if err := unix.Mount("tmpfs", mnt, "tmpfs", 0, "size=2m"); err != nil {
				t.Skipf("cannot mount a small tmpfs: %v", err)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(mnt, 0); err != nil {
					t.Error(err)
				}
			})
			s, err := Open(filepath.Join(mnt, "store"), Options{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Resolve(context.Background(), executor.ImageRequest{Ref: ref})
			if !errors.Is(err, executor.ErrDiskFull) || !strings.Contains(err.Error(), "make room for the image store") {
				t.Fatalf("error = %v", err)
			}
			wantNothing(t, s)
			if left := list(t, s.path("partial")); len(left) > 0 {
				t.Errorf("left in partial: %v", left)
			}
			if err := unix.Mount("", mnt, "", unix.MS_REMOUNT, "size=64m"); err != nil {
				t.Fatal(err)
			}
			wantContent(t, s, resolve(t, s, ref).Pinned, "end")
		})
	}
}

// What a killed process left is removed when the store is opened, unless
// somebody works in it.
func TestLeftovers(t *testing.T) {
	s := openStore(t)
	leave := func() {
		t.Helper()
		if err := os.MkdirAll(s.path("tmp", "layer-1", "root"), 0o700); err != nil {
			t.Fatal(err)
		}
		writeTestFile(t, s.path("tmp", "record-1"), []byte("{"))
		writeTestFile(t, s.path("partial", "new"), nil)
	}
	leave()
	unlock, err := lockShared(s.path("lock"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(s.dir, s.opts); err != nil {
		t.Fatal(err)
	}
	if len(list(t, s.path("tmp"))) != 2 {
		t.Error("cleaned up while somebody worked")
	}
	unlock()
	if _, err := Open(s.dir, s.opts); err != nil {
		t.Fatal(err)
	}
	if left := list(t, s.path("tmp")); len(left) > 0 {
		t.Errorf("left in tmp: %v", left)
	}
	if len(list(t, s.path("partial"))) != 1 {
		t.Error("a fresh download was removed")
	}
}

func TestDamagedRecord(t *testing.T) {
	s := openStore(t)
	ref := "oci:" + writeLayout(t, map[string]v1.Image{"": simple(t, "x")})
	pinned := resolve(t, s, ref).Pinned
	for _, dir := range []string{"images", "refs"} {
		for _, name := range list(t, s.path(dir)) {
			writeTestFile(t, s.path(dir, name), []byte(`{"dig`))
		}
	}
	if _, err := s.Rootfs(context.Background(), pinned); !errors.Is(err, executor.ErrImageNotFound) {
		t.Errorf("error = %v", err)
	}
	wantContent(t, s, resolve(t, s, ref).Pinned, "x")
}
