package probe

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
)

// The functions of this file write what the verbs of the same names write. The
// suite calls them to know what it has to expect.

// WriteLines writes "prefix 1" to "prefix n", a line each.
func WriteLines(w io.Writer, prefix string, n int) error {
	b := bufio.NewWriterSize(w, 4096)
	for i := 1; i <= n; i++ {
		_, _ = b.WriteString(prefix)
		_ = b.WriteByte(' ')
		_, _ = b.WriteString(strconv.Itoa(i))
		_ = b.WriteByte('\n')
	}
	return b.Flush() // gives the first error of all those writes
}

// writeBoth writes "prefix out i" to stdout and "prefix err i" to stderr by
// turns, each line in its own write.
func writeBoth(p *Proc, n int, prefix string) error {
	for i := 1; i <= n; i++ {
		if _, err := fmt.Fprintf(p.Stdout, "%s out %d\n", prefix, i); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(p.Stderr, "%s err %d\n", prefix, i); err != nil {
			return err
		}
	}
	return nil
}

// lineBlock is what WriteLine repeats. Its length is prime, so that a block
// which is lost, doubled or swapped shows.
var lineBlock = bytes.Repeat([]byte("0123456789abcdefghijklmnopqrstuvwxyz"), 910)[:32749]

// WriteLine writes one line of size bytes, the final newline not counted.
func WriteLine(w io.Writer, size int64) error {
	for size > 0 {
		n := min(size, int64(len(lineBlock)))
		if _, err := w.Write(lineBlock[:n]); err != nil {
			return err
		}
		size -= n
	}
	_, err := w.Write([]byte{'\n'})
	return err
}

// WriteNoise writes size bytes that look random and depend on seed only.
func WriteNoise(w io.Writer, size int64, seed uint64) error {
	var key [32]byte
	copy(key[:], fmt.Sprintf("%032d", seed))
	_, err := io.CopyN(w, rand.NewChaCha8(key), size)
	return err
}
