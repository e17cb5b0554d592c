package store

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// BenchmarkPinned is what a step costs whose image is there.
func BenchmarkPinned(b *testing.B) {
	s := openStore(b)
	var layers []v1.Layer
	for i := range 10 {
		layers = append(layers, asLayer(b, layerTar(b, file(fmt.Sprint("f", i), "x")), types.DockerLayer))
	}
	pinned := resolve(b, s, "oci:"+writeLayout(b, map[string]v1.Image{"": testImage(b, layers...)})).Pinned
	ctx := context.Background()
	for b.Loop() {
		img, err := s.Resolve(ctx, executor.ImageRequest{Ref: pinned})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Rootfs(ctx, img.Pinned); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen is what every start of the program costs.
func BenchmarkOpen(b *testing.B) {
	s := openStore(b)
	for b.Loop() {
		if _, err := Open(s.dir, s.opts); err != nil {
			b.Fatal(err)
		}
	}
}

// benchTar is a layer of 64 MiB in 4,000 files, half of it random.
func benchTar(b *testing.B) []byte {
	b.Helper()
	random := rand.NewChaCha8([32]byte{2})
	content := make([]byte, 16<<10)
	_, _ = random.Read(content[:len(content)/2])
	entries := []tar.Header{dir("./")}
	for i := range 4000 {
		entries = append(entries, file(fmt.Sprintf("usr/lib/%d/%d", i%40, i), string(content)))
	}
	return layerTar(b, entries...)
}

func BenchmarkUnpack(b *testing.B) {
	plain := benchTar(b)
	for name, data := range map[string][]byte{"plain": plain, "gzip": gzipped(b, plain), "zstd": zstded(b, plain)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			for b.Loop() {
				root := b.TempDir()
				in, err := newStream(context.Background(), bytes.NewReader(data), layer{}, 1<<30)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := unpack(root, in, unpackOptions{rootless: os.Geteuid() != 0}); err != nil {
					b.Fatal(err)
				}
				in.close()
			}
		})
	}
}

func BenchmarkFlatten(b *testing.B) {
	plain := benchTar(b)
	root, _, err := unpackBytes(b, plain, 1<<30)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(plain)))
	work := b.TempDir()
	for i := 0; b.Loop(); i++ {
		if err := Flatten(context.Background(), []string{root}, filepath.Join(work, fmt.Sprint(i)), FlattenOptions{Rootless: os.Geteuid() != 0}); err != nil {
			b.Fatal(err)
		}
	}
}
