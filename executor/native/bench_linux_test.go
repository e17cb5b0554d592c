//go:build cgo

package native_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// The three benchmarks run the same trivial program in the same kinds of
// namespaces: through this package, through the runc command, and by a bare
// clone, which is the least that is possible.

func trivial(f *fixture, id string) executor.Spec {
	return executor.Spec{ID: id, Image: f.image.Pinned, Entrypoint: []string{"/bin/true"}}
}

func BenchmarkStart(b *testing.B) {
	f := newFixture(b)
	for i := 0; b.Loop(); i++ {
		p, err := f.Start(b.Context(), trivial(f, fmt.Sprintf("bench-%d", i)))
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Follow(b.Context(), io.Discard, io.Discard); err != nil {
			b.Fatal(err)
		}
		if exit, err := p.Wait(b.Context()); err != nil || exit.Code != 0 {
			b.Fatal(exit, err)
		}
		if err := p.Remove(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRuncRun(b *testing.B) {
	dir := bundle(b, "/bin/true")
	for i := 0; b.Loop(); i++ {
		runc(b, dir, nil, fmt.Sprintf("kog-bench-%d-%d", os.Getpid(), i))
	}
}

func BenchmarkBareClone(b *testing.B) {
	root := rootfs(b)
	for b.Loop() {
		cmd := exec.Command("/bin/true")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Chroot:     root,
			Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS | syscall.CLONE_NEWCGROUP,
		}
		cmd.Dir = "/"
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
}

func rootfs(b *testing.B) string {
	needBusybox(b)
	root := filepath.Join(tempDir(b), "rootfs")
	if err := os.MkdirAll(filepath.Join(root, "bin"), 0o755); err != nil {
		b.Fatal(err)
	}
	data, err := os.ReadFile(busybox)
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"true", "sh", "dd"} {
		if err := os.WriteFile(filepath.Join(root, "bin", name), data, 0o755); err != nil {
			b.Fatal(err)
		}
	}
	return root
}

// bundle is for the runc command: the same root file system, with the host's
// network as here.
func bundle(b *testing.B, args ...string) string {
	if _, err := exec.LookPath("runc"); err != nil {
		b.Skip("no runc command")
	}
	root := rootfs(b)
	dir := filepath.Dir(root)
	spec := exec.Command("runc", "spec", "--bundle", dir)
	if out, err := spec.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	name := filepath.Join(dir, "config.json")
	data, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	var c struct {
		OCIVersion string         `json:"ociVersion"`
		Process    map[string]any `json:"process"`
		Root       map[string]any `json:"root"`
		Hostname   string         `json:"hostname,omitempty"`
		Mounts     any            `json:"mounts"`
		Linux      map[string]any `json:"linux"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		b.Fatal(err)
	}
	c.Process["terminal"], c.Process["args"] = false, args
	delete(c.Process, "rlimits") // raising them needs rights that not every root has
	c.Root["readonly"] = false
	c.Linux["namespaces"] = []map[string]string{{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "cgroup"}}
	if data, err = json.Marshal(c); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		b.Fatal(err)
	}
	return dir
}

func runc(b *testing.B, dir string, stdout *os.File, id string) {
	b.Helper()
	cmd := exec.Command("runc", "run", "--bundle", dir, id)
	cmd.Stdout, cmd.Stderr = stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
}
