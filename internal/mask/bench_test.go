package mask_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/internal/mask"
)

// logText is ordinary output of a program.
func logText() []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < 1<<20; i++ {
		fmt.Fprintf(&b, "2024-07-13T12:%02d:%02d.%03dZ INFO device=rack7-%d step=flash wrote %d of %d bytes to /dev/mtd%d, token accepted\n",
			i/60%60, i%60, i*7%1000, i%40, i*4096, 1<<24, i%8)
	}
	return b.Bytes()
}

// BenchmarkWriter compares with a plain copy, into memory and into a file, for
// few and many secrets, and in large and small pieces.
func BenchmarkWriter(b *testing.B) {
	for _, to := range []string{"memory", "file"} {
		for _, piece := range []int{32 << 10, 120} {
			for _, s := range []struct {
				name   string
				values []string
			}{
				{"plain", nil},
				{"short", []string{"a7Qz"}},
				{"token", []string{"ghp_0123456789abcdefghijABCDEFGHIJ"}},
				{"twenty", twenty()},
				{"key", []string{strings.Repeat(pem, 8)}},
			} {
				b.Run(fmt.Sprintf("%s/%d/%s", to, piece, s.name), func(b *testing.B) {
					benchCopy(b, masker(s.values...), to, piece)
				})
			}
		}
	}
}

func twenty() []string {
	values := make([]string, 20)
	for i := range values {
		values[i] = fmt.Sprintf("%x-secret-%d", i*7919, i*104729)
	}
	return values
}

func benchCopy(b *testing.B, m *mask.Masker, to string, piece int) {
	text := bytes.NewReader(logText())
	buf := make([]byte, piece)
	var sink io.Writer = &ring{buf: make([]byte, 64<<10)}
	var file *os.File
	if to == "file" {
		var err error
		if file, err = os.Create(filepath.Join(b.TempDir(), "log")); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = file.Close() })
		sink = file
	}
	if len(m.Skipped()) > 0 {
		b.Fatal("a value is not masked")
	}
	w := sink
	if masked := m.Writer(sink); !strings.HasSuffix(b.Name(), "/plain") {
		w = masked
	}
	b.SetBytes(text.Size())
	for b.Loop() {
		if file != nil {
			if err := file.Truncate(0); err != nil {
				b.Fatal(err)
			}
			_, _ = file.Seek(0, io.SeekStart)
		}
		_, _ = text.Seek(0, io.SeekStart)
		if _, err := io.CopyBuffer(onlyWriter{w}, onlyReader{text}, buf); err != nil {
			b.Fatal(err)
		}
	}
}

// ring is memory that is written again and again.
type ring struct {
	buf []byte
	at  int
}

func (r *ring) Write(p []byte) (int, error) {
	if r.at+len(p) > len(r.buf) {
		r.at = 0
	}
	r.at += copy(r.buf[r.at:], p)
	return len(p), nil
}

// These hide the shortcuts of io.CopyBuffer.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)
