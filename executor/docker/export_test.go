package docker

import (
	"os"
	"testing"

	"github.com/moby/moby/api/types/system"
)

// ShortDir is a folder whose path leaves room for the name of a socket.
func ShortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kogt-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// Afar makes the executor one that does not see the engine's files.
func (e *Executor) Afar() { e.local = false }

// Tapped reports whether a container's output comes without its log, for its
// first reader.
func (e *Executor) Tapped(ref string) bool {
	e.taps.mu.Lock()
	defer e.taps.mu.Unlock()
	return e.taps.open[ref] != nil
}

// Nearby reports whether files in a folder are taken for seen by an engine that
// says this of itself, before and after it refuses one.
func Nearby(dir string, info system.Info, refusal error) (before, after bool) {
	n := nearby{dir: dir}
	n.learn(info)
	before = n.usable.Load()
	n.refusal()(refusal)
	return before, n.usable.Load()
}

// RemoveNearby removes from a folder what was there for a volume.
func RemoveNearby(dir, volume string) error { return (&nearby{dir: dir}).remove(volume) }
