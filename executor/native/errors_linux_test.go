//go:build cgo

package native_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/native"
)

// foreign is the beginning of a program for another kind of machine.
func foreign(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	const machine, s390x, aarch64 = 18, 22, 183 // where an ELF header has it
	other := uint16(aarch64)
	if runtime.GOARCH == "arm64" {
		other = s390x
	}
	binary.LittleEndian.PutUint16(data[machine:], other)
	return string(data)
}

// TestStartErrors: a command that cannot be executed is an error of Start that
// names it, and nothing is left.
func TestStartErrors(t *testing.T) {
	needBusybox(t)
	ref := image(t, map[string]any{"Env": []string{"PATH=/bin:/opt"}}, append(busyboxFiles(t),
		file{name: "opt/", mode: 0o755},
		file{name: "opt/plain", data: "just text", mode: 0o755},
		file{name: "opt/locked", data: "#!/bin/sh\n", mode: 0o644},
		file{name: "opt/script", data: "#!/bin/missing -x\n", mode: 0o755},
		file{name: "opt/foreign", data: foreign(t), mode: 0o755},
		file{name: "opt/loop", link: "loop"},
	)...)
	f := fixtureIn(t, tempDir(t), ref)
	for _, tt := range []struct {
		name  string
		spec  executor.Spec
		wants []string
		is    error
	}{
		{"missing path", executor.Spec{Entrypoint: []string{"/opt/nothing"}}, []string{"/opt/nothing", "no such file"}, nil},
		{"missing name", executor.Spec{Entrypoint: []string{"nothing"}}, []string{`"nothing"`, "not found"}, nil},
		{"directory", executor.Spec{Entrypoint: []string{"/opt"}}, []string{"/opt"}, nil},
		{"not executable", executor.Spec{Entrypoint: []string{"/opt/locked"}}, []string{"/opt/locked", "permission denied"}, nil},
		{"no program", executor.Spec{Entrypoint: []string{"plain"}}, []string{`"plain"`, "exec format error", "neither a program for Linux nor a script"}, nil},
		{"missing interpreter", executor.Spec{Entrypoint: []string{"/opt/script"}}, []string{"/opt/script", "/bin/missing is not in the image"}, nil},
		{"other machine", executor.Spec{Entrypoint: []string{"/opt/foreign"}}, []string{"/opt/foreign", "this machine is " + runtime.GOARCH}, nil},
		{"link to itself", executor.Spec{Entrypoint: []string{"/opt/loop"}}, []string{"/opt/loop"}, nil},
		{"missing user", executor.Spec{User: "bob"}, []string{`user "bob"`}, nil},
		{"missing group", executor.Spec{User: "0:bobs"}, []string{`user "0:bobs"`}, nil},
		{"working directory is a file", executor.Spec{WorkingDir: "/bin/busybox"}, []string{"/bin/busybox"}, nil},
		{"named volume", executor.Spec{Volumes: []executor.Volume{{Source: "data", Target: "/data"}}}, []string{"data:/data", "SOURCE must begin with /"}, executor.ErrUnsupported},
		{"anonymous volume", executor.Spec{Volumes: []executor.Volume{{Target: "/data"}}}, []string{"/data"}, executor.ErrUnsupported},
		{"image that is not there", executor.Spec{Image: "example.com/none@sha256:" + strings.Repeat("0", 64)}, []string{"example.com/none"}, executor.ErrImageNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := tt.spec
			spec.ID = nextID()
			if spec.Image == "" {
				spec.Image = f.image.Pinned
			}
			if spec.Entrypoint == nil {
				spec.Entrypoint = []string{"/bin/true"}
			}
			p, err := f.Start(t.Context(), spec)
			if err == nil {
				removeAtEnd(t, p)
				t.Fatal("started")
			}
			for _, want := range append(tt.wants, spec.ID) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not mention %q", err, want)
				}
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v is not %v", err, tt.is)
			}
			if left := leftovers(t, f.dir); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestNoCommand: an image that does not say what to run.
func TestNoCommand(t *testing.T) {
	f := newFixture(t)
	_, err := f.Start(t.Context(), executor.Spec{ID: nextID(), Image: f.image.Pinned})
	if err == nil || !strings.Contains(err.Error(), "which command to run") {
		t.Errorf("%v", err)
	}
}

// TestFullDisk: output that cannot be kept is not lost silently.
func TestFullDisk(t *testing.T) {
	asRoot(t)
	needBusybox(t)
	dir := filepath.Join(tempDir(t), "small")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("kog-test", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	f := fixtureIn(t, dir, image(t, nil, busyboxFiles(t)...))
	p := f.start(t, f.spec(nextID(), "yes; echo not reached >&2"))
	var stdout, stderr bytes.Buffer
	if err := p.Follow(t.Context(), &stdout, &stderr); !errors.Is(err, executor.ErrDiskFull) && !errors.Is(err, executor.ErrNotFound) {
		t.Errorf("Follow: %v", err)
	}
	if stdout.Len() == 0 {
		t.Error("what fitted is not there")
	}
	// There may have been no room for the record either: then it is lost.
	if exit, err := p.Wait(t.Context()); err == nil && exit.Signal != "SIGKILL" || err != nil && !errors.Is(err, executor.ErrNotFound) {
		t.Errorf("Wait: %+v, %v", exit, err)
	}
}

func TestNewErrors(t *testing.T) {
	if _, err := native.New(native.Options{}); err == nil {
		t.Error("no folder is accepted")
	}
	file := filepath.Join(tempDir(t), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := native.New(native.Options{Dir: filepath.Join(file, "below")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Probe(t.Context()); err == nil {
		t.Error("Probe accepts a folder that cannot be made")
	}
	if n, err := e.Sweep(t.Context(), map[string]string{}); err == nil {
		t.Errorf("Sweep without labels: %d", n)
	}
	if _, err := e.Attach(t.Context(), executor.Handle{Executor: native.Name, ID: "../x"}); !errors.Is(err, executor.ErrNotFound) {
		t.Errorf("Attach to a path: %v", err)
	}
	if _, err := e.Attach(t.Context(), executor.Handle{Executor: "docker", ID: "x"}); !errors.Is(err, executor.ErrNotFound) {
		t.Errorf("Attach to another executor's: %v", err)
	}
}
