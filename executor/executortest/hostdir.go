package executortest

import (
	"os"
	"path/filepath"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// HostDir is a directory that containers mount, seen from outside.
type HostDir interface {
	// Source is what Volume.Source has to be.
	Source() string
	ReadFile(name string) ([]byte, error)
	WriteFile(name string, data []byte) error
}

// tempDir is a HostDir on this machine.
type tempDir string

func tempVolume(t *testing.T) HostDir {
	t.Helper()
	dir := t.TempDir()
	// The umask may have taken what the containers' users need.
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // every user has to write here
		t.Fatal(err)
	}
	return tempDir(dir)
}

func (d tempDir) Source() string { return string(d) }

func (d tempDir) ReadFile(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(d), name))
}

func (d tempDir) WriteFile(name string, data []byte) error {
	return os.WriteFile(filepath.Join(string(d), name), data, 0o644)
}

// counter counts executions from outside: each adds a mark to a file.
type counter struct {
	t   *test
	dir HostDir
}

// newCounter needs volumes. Without them nothing is counted, and the rest of
// the test stands.
func (t *test) newCounter() *counter {
	c := &counter{t: t}
	if t.s.info.Has(executor.FeatureVolumes) {
		c.dir = t.s.cfg.NewVolume(t.T)
	}
	return c
}

// spec is for a container that counts itself and then runs a command.
func (c *counter) spec(args ...string) executor.Spec {
	if c.dir == nil {
		return c.t.spec(args...)
	}
	spec := c.t.spec(commands([]string{"append", "/count/runs", "x"}, args)...)
	spec.Volumes = []executor.Volume{{Source: c.dir.Source(), Target: "/count"}}
	return spec
}

// want checks how many executions there were.
func (c *counter) want(n int) {
	c.t.Helper()
	if c.dir == nil {
		c.t.Log("executions are not counted: no volumes")
		return
	}
	data, err := c.dir.ReadFile("runs")
	if err != nil {
		c.t.Fatalf("count executions: %v", err)
	}
	if len(data) != n {
		c.t.Errorf("executed %d times, want %d", len(data), n)
	}
}
