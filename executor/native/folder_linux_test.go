//go:build cgo

package native

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// TestPhases: what a folder says, by what is in it and whether somebody holds
// its lock.
func TestPhases(t *testing.T) {
	const whole = `{"code":3,"stdout":2,"stderr":0}`
	for _, tt := range []struct {
		name   string
		files  map[string]string
		locked bool
		want   phase
	}{
		{"being started", nil, true, making},
		{"start not completed", nil, false, unmade},
		{"running", map[string]string{fileStarted: ""}, true, running},
		{"shim killed", map[string]string{fileStarted: ""}, false, vanished},
		{"ended", map[string]string{fileStarted: "", fileStdout: "ab", fileExit: whole}, false, ended},
		{"ended, shim on its way out", map[string]string{fileStarted: "", fileStdout: "ab", fileExit: whole}, true, ended},
		{"record without content", map[string]string{fileStarted: "", fileStdout: "ab", fileExit: ""}, false, vanished},
		{"half a record", map[string]string{fileStarted: "", fileStdout: "ab", fileExit: whole[:20]}, false, vanished},
		{"output cut off", map[string]string{fileStarted: "", fileStdout: "a", fileExit: whole}, false, vanished},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, lock, err := newFolder(t.TempDir(), meta{Image: "x"})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = lock.Close() }()
			if !tt.locked {
				if err := lock.Close(); err != nil {
					t.Fatal(err)
				}
			}
			for name, data := range tt.files {
				if err := os.WriteFile(f.path(name), []byte(data), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			now, rec, err := f.look()
			if err != nil || now != tt.want {
				t.Errorf("got phase %d, %v; want %d", now, err, tt.want)
			}
			if now == ended && rec.Code != 3 {
				t.Errorf("got %+v", rec)
			}
		})
	}
	if now, _, err := folder(filepath.Join(t.TempDir(), "none")).look(); now != absent || err != nil {
		t.Errorf("no folder: phase %d, %v", now, err)
	}
}

// TestTake: the lock excludes, also within one process, and is not taken on a
// folder that was replaced.
func TestTake(t *testing.T) {
	dir := t.TempDir()
	f, lock, err := newFolder(dir, meta{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.take(); !errors.Is(err, errLocked) {
		t.Errorf("take while locked: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	mine, err := f.take()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.bury(); err != nil {
		t.Fatal(err)
	}
	if err := mine.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.take(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("take of what is gone: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestClearAway removes only what is old and not being worked on.
func TestClearAway(t *testing.T) {
	long := time.Now().Add(-2 * leftoverAge)
	for _, tt := range []struct {
		name                string
		old, locked, remove bool
	}{
		{"fresh", false, false, false},
		{"old and locked", true, true, false},
		{"old", true, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, lock, err := newFolder(t.TempDir(), meta{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = lock.Close() }()
			if !tt.locked {
				if err := lock.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if tt.old {
				if err := os.Chtimes(string(f), long, long); err != nil {
					t.Fatal(err)
				}
			}
			if err := clearAway(f); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(string(f)); errors.Is(err, fs.ErrNotExist) != tt.remove {
				t.Errorf("removed: %v", !tt.remove)
			}
		})
	}
}

// TestRemoveTree gets over folders that may not be entered, such as overlayfs
// leaves.
func TestRemoveTree(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	deep := filepath.Join(dir, "work", "work", "deep")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{deep, filepath.Dir(deep)} {
		if err := os.Chmod(d, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeTree(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("it is still there")
	}
	if err := removeTree(dir); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

// TestWatches: each kind of watch wakes, and each ends with its context.
func TestWatches(t *testing.T) {
	f, lock, err := newFolder(t.TempDir(), meta{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = read.Close() }()
	b := &bell{pipe: read}
	for name, tt := range map[string]struct {
		watch func() *watch
		wake  func() error
	}{
		"inotify": {func() *watch { return newWatch(f, nil, watchEnd) }, func() error { return writeJSON(f, fileExit, record{}) }},
		"bell":    {func() *watch { return newWatch(f, b, watchEnd) }, func() error { _, err := write.Write([]byte{1}); return err }},
		"polling": {func() *watch { return &watch{} }, func() error { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			w := tt.watch()
			defer w.close()
			if err := tt.wake(); err != nil {
				t.Fatal(err)
			}
			if err := w.wait(t.Context()); err != nil {
				t.Errorf("wait: %v", err)
			}
			why := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(why)
			if err := w.wait(ctx); !errors.Is(err, why) {
				t.Errorf("wait after cancel: %v", err)
			}
		})
	}
	first, second := newWatch(f, b, watchEnd), newWatch(f, b, watchEnd)
	if first.bell == nil || second.bell != nil || second.events == nil {
		t.Error("two watches listen to one bell")
	}
	second.close()
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the end of file is not an error, and no busy loop
		if err := first.wait(t.Context()); err != nil || !first.over {
			t.Errorf("wait at the end: %v", err)
		}
	}
	first.close()
}

func TestMetaMatches(t *testing.T) {
	m := meta{Labels: map[string]string{"run": "1", "job": "x"}}
	for _, tt := range []struct {
		labels map[string]string
		want   bool
	}{
		{map[string]string{"run": "1"}, true},
		{map[string]string{"run": "1", "job": "x"}, true},
		{map[string]string{"run": "2"}, false},
		{map[string]string{"run": "1", "other": ""}, false},
	} {
		if got := m.matches(tt.labels); got != tt.want {
			t.Errorf("%v: %v", tt.labels, got)
		}
	}
}

func TestRequestCommand(t *testing.T) {
	image := executor.ImageConfig{Entrypoint: []string{"/entry"}, Cmd: []string{"default"}}
	for name, tt := range map[string]struct {
		spec executor.Spec
		want string
	}{
		"image":                   {executor.Spec{}, "/entry default"},
		"args":                    {executor.Spec{Args: []string{"a"}}, "/entry a"},
		"no args":                 {executor.Spec{Args: []string{}}, "/entry"},
		"entrypoint":              {executor.Spec{Entrypoint: []string{"/own"}}, "/own"},
		"entrypoint and args":     {executor.Spec{Entrypoint: []string{"/own"}, Args: []string{"a"}}, "/own a"},
		"no entrypoint but a cmd": {executor.Spec{Entrypoint: []string{}, Args: []string{"/a"}}, "/a"},
	} {
		got := ""
		for i, arg := range command(tt.spec, image) {
			if i > 0 {
				got += " "
			}
			got += arg
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
