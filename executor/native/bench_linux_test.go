//go:build cgo

package native_test

import (
	"encoding/json"
	"errors"
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
	cmd.Stdout = stdout
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
}

// outputSize is how much the output benchmarks write.
const outputSize = 1 << 30

func BenchmarkOutput(b *testing.B) {
	f := newFixture(b)
	b.SetBytes(outputSize)
	for i := 0; b.Loop(); i++ {
		spec := trivial(f, fmt.Sprintf("out-%d", i))
		spec.Entrypoint = []string{"/bin/dd", "if=/dev/zero", "bs=65536", fmt.Sprintf("count=%d", outputSize/65536)}
		p, err := f.Start(b.Context(), spec)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer() // deleting is not what is measured
		if err := p.Remove(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkOutputFollowed also copies the output to another file meanwhile.
func BenchmarkOutputFollowed(b *testing.B) {
	f := newFixture(b)
	name := filepath.Join(tempDir(b), "log")
	b.SetBytes(outputSize)
	for i := 0; b.Loop(); i++ {
		spec := trivial(f, fmt.Sprintf("out-%d", i))
		spec.Entrypoint = []string{"/bin/dd", "if=/dev/zero", "bs=65536", fmt.Sprintf("count=%d", outputSize/65536)}
		p, err := f.Start(b.Context(), spec)
		if err != nil {
			b.Fatal(err)
		}
		log, err := os.Create(name)
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Follow(b.Context(), log, io.Discard); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := errors.Join(log.Close(), os.Remove(name), p.Remove(b.Context())); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkRuncOutput(b *testing.B) {
	dir := bundle(b, "/bin/dd", "if=/dev/zero", "bs=65536", fmt.Sprintf("count=%d", outputSize/65536))
	name := filepath.Join(dir, "out")
	b.SetBytes(outputSize)
	for i := 0; b.Loop(); i++ {
		out, err := os.Create(name)
		if err != nil {
			b.Fatal(err)
		}
		runc(b, dir, out, fmt.Sprintf("kog-bench-%d-%d", os.Getpid(), i))
		b.StopTimer()
		if err := errors.Join(out.Close(), os.Remove(name)); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkProbe(b *testing.B) {
	f := newFixture(b)
	for b.Loop() {
		if _, err := f.Probe(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
