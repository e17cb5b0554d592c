//go:build cgo

package native

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// followChunk is how much of a stream is read and written at once.
const followChunk = 256 << 10

// stream is one output file being followed.
type stream struct {
	from *os.File
	to   io.Writer
}

// Follow copies the output from its beginning to the container's end.
func (p *process) Follow(ctx context.Context, stdout, stderr io.Writer) error {
	// The watch comes first, so that nothing between looking and waiting is missed.
	w := p.watch(watchOutput)
	defer w.close()
	var streams [2]stream
	for i, to := range []io.Writer{stdout, stderr} {
		from, err := os.Open(p.folder.path([]string{fileStdout, fileStderr}[i]))
		if errors.Is(err, fs.ErrNotExist) {
			return p.notFound("follow")
		}
		if err != nil {
			return fmt.Errorf("follow container %s: %w", p.id(), err)
		}
		defer func() { _ = from.Close() }()
		streams[i] = stream{from: from, to: to}
	}
	return p.follow(ctx, w, streams[:])
}

func (p *process) follow(ctx context.Context, w *watch, streams []stream) error {
	buf := make([]byte, followChunk)
	for {
		if err := p.drain(ctx, streams, buf); err != nil {
			return err
		}
		now, rec, err := p.folder.look()
		if err != nil {
			return err
		}
		if now != running {
			return p.finish(ctx, streams, followed{buf: buf, phase: now, record: rec})
		}
		if err := w.wait(ctx); err != nil {
			return fmt.Errorf("follow container %s: %w", p.id(), err)
		}
	}
}

// followed is where the following of a container has come to.
type followed struct {
	buf    []byte
	phase  phase
	record record
}

// finish copies what came between the last copying and the container's end.
func (p *process) finish(ctx context.Context, streams []stream, f followed) error {
	if err := p.drain(ctx, streams, f.buf); err != nil {
		return err
	}
	if f.phase != ended {
		return p.notFound("follow")
	}
	if f.record.DiskFull {
		return fmt.Errorf("follow container %s: its output is incomplete: %s: %w", p.id(), f.record.Lost, executor.ErrDiskFull)
	}
	if f.record.Lost != "" {
		return fmt.Errorf("follow container %s: its output is incomplete: %s", p.id(), f.record.Lost)
	}
	return nil
}

// drain copies what is there, the streams by turns.
func (p *process) drain(ctx context.Context, streams []stream, buf []byte) error {
	for {
		var copied int
		for _, s := range streams {
			if ctx.Err() != nil {
				return fmt.Errorf("follow container %s: %w", p.id(), context.Cause(ctx))
			}
			n, err := s.copy(buf)
			if err != nil {
				return fmt.Errorf("follow container %s: %w", p.id(), err)
			}
			copied += n
		}
		if copied == 0 {
			return nil
		}
	}
}

func (s stream) copy(buf []byte) (int, error) {
	n, err := s.from.Read(buf)
	if n == 0 {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return 0, err
	}
	written, err := s.to.Write(buf[:n])
	if err == nil && written < n {
		err = io.ErrShortWrite
	}
	return n, err
}
