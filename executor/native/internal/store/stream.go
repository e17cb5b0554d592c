package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

var (
	// errTooLarge: a layer passes the limit of what it may unpack to.
	errTooLarge = errors.New("layer too large")
	// errEnded: the caller's context ended; the content is not to blame.
	errEnded = errors.New("ended")
)

// stream reads the tar of a layer out of its stored bytes: decompressed, held
// to the limit, and hashed on both sides.
type stream struct {
	layer  layer
	limit  int64
	stored *hashReader // the bytes as they are stored
	plain  *hashReader // the tar
	done   func()
}

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// maxZstdWindow bounds the memory of decompression.
const maxZstdWindow = 128 << 20

// newStream tells the compression by the first bytes: what the manifest calls
// it is not always true, and a docker-archive does not say.
func newStream(ctx context.Context, in io.Reader, l layer, limit int64) (*stream, error) {
	s := &stream{layer: l, limit: limit, done: func() {}}
	s.stored = newHashReader(until(ctx, in))
	plain, done, err := decompress(s.stored)
	if err != nil {
		return nil, err
	}
	s.done = done
	s.plain = newHashReader(&limitReader{in: plain, limit: limit})
	return s, nil
}

// plainReader is decompressed data.
type plainReader struct {
	io.Reader
	compressed bool
}

// decompress needs a call of done after the last read.
func decompress(in io.Reader) (plain plainReader, done func(), err error) {
	done = func() {}
	buf := bufio.NewReaderSize(in, 128<<10)
	head, err := buf.Peek(len(zstdMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return plainReader{}, nil, err
	}
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		z, err := gzip.NewReader(buf)
		if err != nil {
			return plainReader{}, nil, fmt.Errorf("decompress: %w", unexpected(err))
		}
		return plainReader{Reader: z, compressed: true}, done, nil
	case bytes.HasPrefix(head, zstdMagic):
		z, err := zstd.NewReader(buf, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return plainReader{}, nil, fmt.Errorf("decompress: %w", unexpected(err))
		}
		return plainReader{Reader: z, compressed: true}, z.Close, nil
	}
	return plainReader{Reader: buf}, done, nil
}

func (s *stream) Read(p []byte) (int, error) { return s.plain.Read(p) }

func (s *stream) close() { s.done() }

// verify reads what follows the tar and compares the digests. Anything may
// follow, as long as it is part of what was hashed.
func (s *stream) verify() error {
	_, plainErr := io.Copy(io.Discard, s.plain)
	if errors.Is(plainErr, errTooLarge) || errors.Is(plainErr, errEnded) {
		return plainErr
	}
	_, storedErr := io.Copy(io.Discard, s.stored)
	if storedErr != nil {
		return storedErr
	}
	if want := s.layer.digest; want.Hex != "" && s.stored.sum() != want {
		return fmt.Errorf("wrong digest: it has %s, the manifest says %s", s.stored.sum(), want)
	}
	got := s.plain.sum()
	switch {
	case got == s.layer.diffID:
		return nil
	case plainErr != nil:
		return damaged(plainErr)
	}
	return fmt.Errorf("wrong diff ID: unpacked it has %s, the image's configuration says %s", got, s.layer.diffID)
}

// damaged says what a failed read of an archive means, unless it failed for
// another reason.
func damaged(err error) error {
	if errors.Is(err, errTooLarge) || errors.Is(err, errEnded) {
		return err
	}
	return fmt.Errorf("damaged or truncated: %w", unexpected(err))
}

// unexpected makes an end of file in the middle of something recognisable.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// hashReader hashes and counts what is read through it.
type hashReader struct {
	in   io.Reader
	hash hash.Hash
	n    int64
}

func newHashReader(in io.Reader) *hashReader { return &hashReader{in: in, hash: sha256.New()} }

func (r *hashReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.hash.Write(p[:n])
	r.n += int64(n)
	return n, err
}

func (r *hashReader) sum() v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(r.hash.Sum(nil))}
}

// limitReader fails with errTooLarge when there is more than was allowed.
type limitReader struct {
	in    io.Reader
	limit int64
	n     int64
}

func (r *limitReader) Read(p []byte) (int, error) {
	// One byte more than allowed is asked for: only its arrival is too much.
	if left := r.limit - r.n; int64(len(p))-1 > left {
		p = p[:left+1]
	}
	n, err := r.in.Read(p)
	if r.n += int64(n); r.n > r.limit {
		return 0, tooLarge(r.limit)
	}
	return n, err
}

func tooLarge(limit int64) error {
	return markf(errTooLarge, "unpacks to more than %s; set %s to allow more", size(limit), maxLayerEnv)
}

// readerFunc is a function as a reader.
type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// until reads from in until ctx ends.
func until(ctx context.Context, in io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, mark(context.Cause(ctx), errEnded)
		}
		return in.Read(p)
	})
}
