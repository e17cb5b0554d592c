package docker_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/docker"
)

// The contract suite sees files as they come from an engine of this machine.
// From afar they come through the engine, and all the rest holds too.
func TestFilesFromAfar(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		x := e.executor(t)
		x.Afar()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "in"), []byte("the volume's"), 0o644); err != nil {
			t.Fatal(err)
		}
		spec := executor.Spec{
			ID: "kogtest-afar", Image: e.load(t, busyboxArchive(t)), ReadOnly: true,
			Entrypoint: []string{"/bin/busybox", "sh", "-c", "cat() { /bin/busybox cat $1; }; cat /vol/in; cat /run/kog/a/b; (echo x >>/vol/in) 2>/dev/null || echo denied"},
			Files:      []executor.File{{Path: "/vol/in", Data: []byte("mine ")}, {Path: "/run/kog/a/b", Data: []byte("and this ")}},
			Volumes:    []executor.Volume{{Source: dir, Target: "/vol"}},
			Labels:     map[string]string{"kog.test/case": "afar"},
		}
		p, err := x.Start(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := cleanupContext(t)
			defer cancel()
			if err := p.Remove(ctx); err != nil {
				t.Error(err)
			}
			for _, left := range e.leftovers(t) {
				t.Errorf("left behind: %s", left)
			}
		})
		var out bytes.Buffer
		if err := p.Follow(t.Context(), &out, io.Discard); err != nil {
			t.Fatal(err)
		}
		if want := "mine and this denied\n"; out.String() != want {
			t.Errorf("the container says %q, want %q", out.String(), want)
		}
		if data, err := os.ReadFile(filepath.Join(dir, "in")); err != nil || string(data) != "the volume's" {
			t.Errorf("the volume has %q, %v; want it untouched", data, err)
		}
	})
}

// TestFilesOfRun: a run has one volume for the files of its containers. A
// container's files go with it, and the volume with the run.
func TestFilesOfRun(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		dir := filepath.Join(t.TempDir(), "nearby")
		x, err := e.make(docker.Options{Host: e.host(), Dir: dir})
		if err == nil {
			_, err = x.Probe(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		api := e.api(t)
		const volume = "kogtest-filesofrun-files"
		labels := map[string]string{"kog.test/case": "filesofrun"}
		spec := executor.Spec{
			Image: e.load(t, busyboxArchive(t)), Entrypoint: []string{"/bin/busybox", "cat", "/in"},
			Sandbox: executor.Sandbox{ID: "kogtest-filesofrun", Labels: labels}, Labels: labels,
		}
		t.Cleanup(func() {
			ctx, cancel := cleanupContext(t)
			defer cancel()
			if _, err := x.Sweep(ctx, labels); err != nil {
				t.Error(err)
			}
			for _, left := range e.leftovers(t) {
				t.Errorf("left behind: %s", left)
			}
		})
		start := func(id string) executor.Process {
			spec.ID, spec.Files = "kogtest-filesofrun-"+id, []executor.File{{Path: "/in", Data: []byte(id)}}
			p, err := x.Start(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := p.Follow(t.Context(), &out, io.Discard); err != nil || out.String() != id {
				t.Fatalf("the container says %q, %v; want %q", out.String(), err, id)
			}
			return p
		}
		holders := func() int {
			v, err := api.VolumeInspect(t.Context(), volume, client.VolumeInspectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			found, err := os.ReadDir(v.Volume.Mountpoint)
			if err != nil {
				t.Fatal(err)
			}
			return len(found)
		}
		first, second := start("one"), start("two")
		if n := holders(); n != 2 {
			t.Errorf("the volume has %d folders, want 2", n)
		}
		if err := first.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := holders(); n != 1 {
			t.Errorf("after a removal the volume has %d folders, want 1", n)
		}
		again, err := e.executor(t).Attach(t.Context(), second.Handle())
		if err == nil {
			err = again.Remove(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		if n := holders(); n != 0 {
			t.Errorf("after a removal by another process the volume has %d folders, want none", n)
		}
		// Somebody tidies up: the next one makes it again.
		if _, err := api.VolumeRemove(t.Context(), volume, client.VolumeRemoveOptions{Force: true}); err != nil {
			t.Fatal(err)
		}
		start("three")
		if n, err := x.Sweep(t.Context(), labels); err != nil || n != 1 {
			t.Errorf("Sweep takes %d containers, %v; want 1", n, err)
		}
		if _, err := api.VolumeInspect(t.Context(), volume, client.VolumeInspectOptions{}); err == nil {
			t.Error("the volume is there after a sweep")
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the folder for who may not write into volumes: %v, want none", err)
		}
	})
}

// TestForeignVolume: a volume of somebody else's that has the name of a run's
// is not touched.
func TestForeignVolume(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		x, api := e.executor(t), e.api(t)
		const volume = "kogtest-foreign-files"
		made, err := api.VolumeCreate(t.Context(), client.VolumeCreateOptions{Name: volume})
		if err != nil {
			t.Fatal(err)
		}
		labels := map[string]string{"kog.test/case": "foreign"}
		t.Cleanup(func() {
			ctx, cancel := cleanupContext(t)
			defer cancel()
			if _, err := api.VolumeRemove(ctx, volume, client.VolumeRemoveOptions{}); err != nil {
				t.Error(err)
			}
			for _, left := range e.leftovers(t) {
				t.Errorf("left behind: %s", left)
			}
		})
		p, err := x.Start(t.Context(), executor.Spec{
			ID: "kogtest-foreign-1", Image: e.load(t, busyboxArchive(t)), Entrypoint: []string{"/bin/busybox", "cat", "/in"},
			Files:   []executor.File{{Path: "/in", Data: []byte("mine")}},
			Sandbox: executor.Sandbox{ID: "kogtest-foreign", Labels: labels}, Labels: labels,
		})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := p.Follow(t.Context(), &out, io.Discard); err != nil || out.String() != "mine" {
			t.Errorf("the container says %q, %v; want mine", out.String(), err)
		}
		if found, err := os.ReadDir(made.Volume.Mountpoint); err != nil || len(found) > 0 {
			t.Errorf("the volume has %v, %v; want nothing", found, err)
		}
		if n, err := x.Sweep(t.Context(), labels); err != nil || n != 1 {
			t.Errorf("Sweep takes %d containers, %v; want 1", n, err)
		}
	})
}
