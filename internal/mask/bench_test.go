package mask_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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

// BenchmarkWriter compares with a plain copy, in turn: into a new file, for few
// and many secrets, in large and small pieces. "ratio" is the median of the
// ratios, masked to plain.
func BenchmarkWriter(b *testing.B) {
	text := logText()
	for _, piece := range []int{32 << 10, 120} {
		for _, s := range []struct {
			name   string
			values []string
		}{
			{"short", []string{"a7Qz"}},
			{"token", []string{"ghp_0123456789abcdefghijABCDEFGHIJ"}},
			{"twenty", twenty()},
			{"key", []string{strings.Repeat(pem, 8)}},
		} {
			m := masker(s.values...)
			if len(m.Skipped()) > 0 {
				b.Fatal("a value is not masked")
			}
			b.Run(fmt.Sprintf("file/%d/%s", piece, s.name), func(b *testing.B) {
				file, err := os.Create(filepath.Join(b.TempDir(), "log"))
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = file.Close() })
				compare(b, m, file, slices.Collect(slices.Chunk(text, piece)))
			})
			b.Run(fmt.Sprintf("memory/%d/%s", piece, s.name), func(b *testing.B) {
				compare(b, m, &ring{buf: make([]byte, 64<<10)}, slices.Collect(slices.Chunk(text, piece)))
			})
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

// target can be written anew.
type target interface {
	io.Writer
	io.Seeker
	Truncate(size int64) error
}

func compare(b *testing.B, m *mask.Masker, to target, pieces [][]byte) {
	masked := m.Writer(to)
	var ratios []float64
	for b.Loop() {
		plain := timeOf(b, to, to, pieces)
		ratios = append(ratios, float64(timeOf(b, to, masked, pieces))/float64(plain))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "ratio")
}

func timeOf(b *testing.B, to target, w io.Writer, pieces [][]byte) time.Duration {
	if err := to.Truncate(0); err != nil {
		b.Fatal(err)
	}
	if _, err := to.Seek(0, io.SeekStart); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	for _, p := range pieces {
		if _, err := w.Write(p); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began)
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

func (r *ring) Truncate(int64) error           { return nil }
func (r *ring) Seek(int64, int) (int64, error) { return 0, nil }
