package store

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// FuzzUnpack: whatever the bytes are, nothing outside the root changes, and
// what was unpacked can be copied and removed again.
func FuzzUnpack(f *testing.F) {
	for _, entries := range [][]tar.Header{
		{dir("d"), file("d/f", "x"), hardlink("d/h", "d/f"), symlink("s", "d")},
		{file("../outside/file", "evil")},
		{symlink("s", "../outside"), file("s/file", "evil")},
		{symlink("s", "../../../../../../../../tmp"), file("s/file", "evil"), hardlink("h", "s/file")},
		{symlink("a", "."), symlink("a/b", ".."), file("a/b/outside/file", "evil")},
		{file("d/.wh...", ""), file(".wh..wh..opq", ""), file(".wh.x", ""), file("x/y", "z")},
		{hardlink("outside", "../outside/file"), file("outside", "evil")},
		{dir("d"), symlink("d", "../outside"), dir("d"), file("d/file", "evil")},
		{file("a/b", "1"), file("a", "2"), file("a/b", "3")},
	} {
		f.Add(layerTar(f, entries...))
		f.Add(gzipped(f, layerTar(f, entries...)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		base := t.TempDir()
		outside := filepath.Join(base, "outside")
		root := filepath.Join(base, "root")
		if err := errors.Join(os.Mkdir(outside, 0o755), os.Mkdir(root, 0o755)); err != nil {
			t.Fatal(err)
		}
		writeTestFile(t, filepath.Join(outside, "file"), []byte("sentinel"))
		before := snapshot(t, outside)
		in, err := newStream(context.Background(), bytes.NewReader(data), layer{}, testLimit)
		if err != nil {
			return
		}
		defer in.close()
		_, err = unpack(root, in, unpackOptions{rootless: true})
		if after := snapshot(t, outside); !slices.Equal(before, after) || !slices.Equal(list(t, base), []string{"outside", "root"}) {
			t.Fatalf("outside the root: %q became %q, beside it: %q", before, after, list(t, base))
		}
		if err != nil {
			return
		}
		if err := Flatten(context.Background(), []string{root}, filepath.Join(base, "copy"), FlattenOptions{Rootless: true}); err != nil {
			t.Fatalf("what was unpacked cannot be copied: %v", err)
		}
	})
}
