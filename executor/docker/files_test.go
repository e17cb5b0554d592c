package docker_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
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
