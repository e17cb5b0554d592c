package store

import (
	"archive/tar"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// stack are the layers of TestFlatten, the lowest first.
func stack() [][]tar.Header {
	return [][]tar.Header{
		{
			dir("etc"), file("etc/keep", "1"), file("etc/gone", "1"), file("etc/changed", "1"),
			dir("hidden"), file("hidden/old", "1"), dir("gonedir"), file("gonedir/deep/er", "1"),
			file("was-file", "1"), dir("was-dir"), file("was-dir/x", "1"), symlink("was-link", "/etc"),
			file("h1", "linked"), hardlink("h2", "h1"),
			{Typeflag: tar.TypeDir, Name: "tmp", Mode: 0o1777},
		},
		{
			file("etc/.wh.gone", ""), file("etc/changed", "2"),
			dir("hidden"), file("hidden/.wh..wh..opq", ""), file("hidden/new", "2"),
			file(".wh.gonedir", ""), dir("was-file"), file("was-file/x", "2"), file("was-dir", "2"),
			dir("was-link"), file("was-link/passwd", "2"),
			{Typeflag: tar.TypeReg, Name: "suid", Mode: 0o4711},
			{Typeflag: tar.TypeFifo, Name: "pipe", Mode: 0o600},
		},
		{dir("gonedir"), file("gonedir/again", "3"), file(".wh.pipe", ""), symlink("link", "h1")},
	}
}

var flattened = []string{
	"etc 40755", `etc/keep 100644 "1"`, `etc/changed 100644 "2"`, "hidden 40755", `hidden/new 100644 "2"`,
	"gonedir 40755", `gonedir/again 100644 "3"`, "was-file 40755", `was-file/x 100644 "2"`, `was-dir 100644 "2"`,
	"was-link 40755", `was-link/passwd 100644 "2"`, `suid 104711 ""`, `h1 100644 "linked"`, `h2 100644 "linked"`,
	"tmp 41777", "link 120777 -> h1", ". 40755",
}

func TestFlatten(t *testing.T) {
	needRoot(t)
	var layers []string
	for _, entries := range stack() {
		root, _, err := unpackBytes(t, layerTar(t, entries...), testLimit)
		if err != nil {
			t.Fatal(err)
		}
		layers = append(layers, root)
	}
	wantFlattened(t, layers)
	wantSameAsOverlay(t, layers)
}

// A layer whose marks could not be written as overlayfs has them.
func TestFlattenImageMarks(t *testing.T) {
	var layers []string
	for _, entries := range stack() {
		root := t.TempDir()
		if err := os.Chmod(root, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			writePlain(t, filepath.Join(root, e.Name), e)
		}
		if err := os.Chmod(filepath.Join(root, "tmp"), 0o777|os.ModeSticky); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		layers = append(layers, root)
	}
	wantFlattened(t, layers)
}

// writePlain puts an entry on the disk as it is, marks included.
func writePlain(t *testing.T, path string, e tar.Header) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	switch e.Typeflag {
	case tar.TypeDir:
		err = errors.Join(err, os.MkdirAll(path, 0o755))
	case tar.TypeSymlink:
		err = errors.Join(err, os.Symlink(e.Linkname, path))
	case tar.TypeLink:
		err = errors.Join(err, os.Link(filepath.Join(filepath.Dir(path), e.Linkname), path))
	case tar.TypeFifo:
		err = errors.Join(err, unix.Mkfifo(path, 0o600))
	default:
		err = errors.Join(err, os.WriteFile(path, []byte(e.Linkname), 0o600), unix.Chmod(path, uint32(e.Mode)))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func wantFlattened(t *testing.T, layers []string) {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "dst")
	if err := Flatten(context.Background(), layers, dst, FlattenOptions{Rootless: os.Geteuid() != 0}); err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(slices.Values(flattened))
	if got := snapshot(t, dst); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var one, two unix.Stat_t
	if err := errors.Join(unix.Lstat(filepath.Join(dst, "h1"), &one), unix.Lstat(filepath.Join(dst, "h2"), &two)); err != nil {
		t.Fatal(err)
	}
	if one.Ino != two.Ino || one.Nlink != 2 {
		t.Errorf("h1 and h2 are not one file: inodes %d and %d, %d names", one.Ino, two.Ino, one.Nlink)
	}
}

// wantSameAsOverlay lets the kernel judge: an overlay of the layers must show
// what Flatten made.
func wantSameAsOverlay(t *testing.T, layers []string) {
	t.Helper()
	lower := slices.Clone(layers)
	slices.Reverse(lower)
	mnt := t.TempDir()
	if err := unix.Mount("overlay", mnt, "overlay", 0, "lowerdir="+strings.Join(lower, ":")); err != nil {
		t.Skipf("no overlay mounts here: %v", err)
	}
	defer func() {
		if err := unix.Unmount(mnt, 0); err != nil {
			t.Error(err)
		}
	}()
	want := slices.Sorted(slices.Values(flattened))
	got := snapshot(t, mnt)
	for i, line := range got {
		got[i] = strings.TrimSuffix(line, " trusted.overlay.opaque=y")
	}
	if !slices.Equal(got, want) {
		t.Errorf("overlay shows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFlattenFailsClean(t *testing.T) {
	lower := t.TempDir()
	dst := filepath.Join(t.TempDir(), "dst")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := os.WriteFile(filepath.Join(lower, "f"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"missing layer": Flatten(context.Background(), []string{lower, filepath.Join(lower, "none")}, dst, FlattenOptions{Rootless: true}),
		"cancelled":     Flatten(ctx, []string{lower}, dst, FlattenOptions{Rootless: true}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := os.Lstat(dst); !os.IsNotExist(err) {
			t.Errorf("%s: %s is there: %v", name, dst, err)
		}
	}
	if err := Flatten(context.Background(), []string{lower}, lower, FlattenOptions{}); err == nil {
		t.Error("copied over an existing folder")
	}
	if list(t, lower)[0] != "f" {
		t.Error("the existing folder was touched")
	}
}
