//go:build cgo

package native_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

func volume(t *testing.T, s string) executor.Volume {
	t.Helper()
	v, err := executor.ParseVolume(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVolumes(t *testing.T) {
	f := newFixture(t)
	dir := tempDir(t)
	if err := os.WriteFile(filepath.Join(dir, "one"), []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, volumes, script, want string }{
		{"a file", dir + "/one:/etc/one", "cat /etc/one", "1"},
		{"a missing folder is made", dir + "/new/deep:/data", "touch /data/x && ls -d /data", "/data\n"},
		{"read-only", dir + ":/data:ro", "touch /data/x 2>/dev/null || echo denied", "denied\n"},
		{"SELinux labels mean nothing here", dir + ":/data:Z", "cat /data/one", "1"},
		{"over a standard mount", dir + ":/dev/shm", "cat /dev/shm/one", "1"},
		{"over /dev", "/dev:/dev", "ls /dev/null /dev/full", "/dev/full\n/dev/null\n"},
		{"inside of another, given first", dir + ":/a/b " + dir + ":/a", "cat /a/one /a/b/one", "11"},
		{"over the resolver's settings", dir + "/one:/etc/resolv.conf", "cat /etc/resolv.conf", "1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := f.spec(nextID(), tt.script)
			for _, v := range strings.Fields(tt.volumes) {
				spec.Volumes = append(spec.Volumes, volume(t, v))
			}
			if r := f.run(t, spec); r.stdout != tt.want {
				t.Errorf("got %q, want %q; stderr: %s", r.stdout, tt.want, r.stderr)
			}
		})
	}
	if info, err := os.Stat(filepath.Join(dir, "new", "deep", "x")); err != nil || info.Size() != 0 {
		t.Errorf("the folder that was made: %v", err)
	}
}

// TestReadOnlyBelow: what is mounted below a read-only volume is read-only too.
func TestReadOnlyBelow(t *testing.T) {
	asRoot(t)
	f := newFixture(t)
	dir := mountedTmpfs(t)
	spec := f.spec(nextID(), "touch /data/x 2>/dev/null || echo denied; touch /data/sub/x 2>/dev/null || echo denied")
	spec.Volumes = []executor.Volume{volume(t, filepath.Dir(dir)+":/data:ro")}
	if r := f.run(t, spec); r.stdout != "denied\ndenied\n" {
		t.Errorf("%+v", r)
	}
}

// mountedTmpfs is a shared mount named sub in a folder.
func mountedTmpfs(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(tempDir(t), "sub")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("kog-test", dir, "tmpfs", 0, ""); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestPropagation: a mount that the host makes while the container runs is
// seen in it or not, as the volume says.
func TestPropagation(t *testing.T) {
	asRoot(t)
	f := newFixture(t)
	for option, want := range map[string]string{"": "empty\n", ":rprivate": "empty\n", ":rslave": "full\n", ":rshared": "full\n"} {
		t.Run("host to container"+option, func(t *testing.T) {
			dir := mountedTmpfs(t)
			if err := syscall.Mount("", dir, "", syscall.MS_SHARED, ""); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(dir, "late"), 0o755); err != nil {
				t.Fatal(err)
			}
			script := "echo ready; cat /data/go >/dev/null; if [ -e /data/late/file ]; then echo full; else echo empty; fi"
			spec := f.spec(nextID(), script)
			spec.Volumes = []executor.Volume{volume(t, dir+":/data"+option)}
			// The container waits at a named pipe until the mount is there.
			if err := syscall.Mkfifo(filepath.Join(dir, "go"), 0o666); err != nil {
				t.Fatal(err)
			}
			p := f.start(t, spec)
			late := filepath.Join(dir, "late")
			if err := syscall.Mount("kog-test", late, "tmpfs", 0, ""); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = syscall.Unmount(late, syscall.MNT_DETACH) })
			if err := os.WriteFile(filepath.Join(late, "file"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			open, err := os.OpenFile(filepath.Join(dir, "go"), os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := open.Close(); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if err := p.Follow(t.Context(), &out, &out); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); got != "ready\n"+want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestSharedNeedsRoot(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("this is root")
	}
	f := newFixture(t)
	spec := f.spec(nextID(), "true")
	spec.Volumes = []executor.Volume{volume(t, tempDir(t)+":/data:rshared")}
	if _, err := f.Start(t.Context(), spec); !errors.Is(err, executor.ErrUnsupported) {
		t.Errorf("%v", err)
	}
}

// TestMountsOfTheHost: containers change nothing on the host, while they run.
func TestMountsOfTheHost(t *testing.T) {
	f := newFixture(t)
	before := mountsOf(t)
	f.start(t, f.spec(nextID(), "sleep 1000"))
	if after := mountsOf(t); !slices.Equal(before, after) {
		t.Errorf("before:\n%s\nafter:\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

// mountsOf lists the mounts of this process that have to do with this package;
// other tests of the machine may mount what they like.
func mountsOf(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, "kog") || strings.Contains(line, " overlay ") || strings.Contains(line, "/sys/fs/cgroup") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}
