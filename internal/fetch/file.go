package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

func readStdin(ctx context.Context, o Options) (Document, error) {
	if o.Stdin == nil {
		return Document{}, errors.New("read stdin: there is no standard input here")
	}
	data, err := readInterruptible(ctx, o.Stdin, o.MaxBytes)
	if err != nil {
		return Document{}, fmt.Errorf("read stdin: %w", err)
	}
	return Document{Name: "stdin", Data: data}, nil
}

func readFile(ctx context.Context, name string, o Options) (Document, error) {
	if scheme, _, ok := strings.Cut(name, "://"); ok {
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return Document{}, fmt.Errorf("read document: scheme %q is not supported: want http, https, a path or -", scheme)
		}
	}
	data, err := fileData(ctx, name, o.MaxBytes)
	if err != nil {
		return Document{}, fmt.Errorf("read %s: %w", name, err)
	}
	return Document{Name: name, Data: data}, nil
}

// fileData reads a file. Its errors leave out the name, which the caller adds.
func fileData(ctx context.Context, name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, withoutPath(err)
	}
	if info.IsDir() {
		return nil, errors.New("is a directory, want a file")
	}
	open := os.Open
	if info.Mode()&fs.ModeNamedPipe != 0 {
		open = func(name string) (*os.File, error) { return openPipe(ctx, name) }
	}
	f, err := open(name)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer func() { _ = f.Close() }()
	data, err := readInterruptible(ctx, f, limit)
	return data, withoutPath(err)
}

// readInterruptible reads to the end, or until ctx ends if the reader has
// deadlines, as pipes have.
func readInterruptible(ctx context.Context, r io.Reader, limit int64) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if d, ok := r.(interface{ SetReadDeadline(time.Time) error }); ok {
		stop := context.AfterFunc(ctx, func() {
			_ = d.SetReadDeadline(time.Unix(1, 0)) // a reader that has no deadlines is read to its end
		})
		defer stop()
	}
	data, err := readAll(r, limit)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return data, err
}

// withoutPath drops the operation and path that the os package puts into its
// errors.
func withoutPath(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
