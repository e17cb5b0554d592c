//go:build cgo

package native_test

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/native"
)

// TestSecretsStayInMemory: environment values, input and files are neither in
// the executor's folder, while the container runs, nor in the log, nor on any
// command line.
func TestSecretsStayInMemory(t *testing.T) {
	const secret = "hunter2-only-in-memory"
	f := newFixture(t)
	var log syncBuffer
	e, err := native.New(native.Options{Dir: f.dir, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	spec := f.spec(nextID(), `test "$SECRET" = "$(cat /run/secret)" && echo same; exec sleep 1000`)
	spec.Env = map[string]string{"SECRET": secret}
	spec.Stdin = []byte(secret)
	spec.Files = []executor.File{{Path: "/run/secret", Data: []byte(secret)}}
	p, err := e.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	removeAtEnd(t, p)
	err = filepath.WalkDir(f.dir, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrPermission) && d.IsDir() {
			return nil // overlayfs's own, of which the kernel keeps everybody out
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("the secret is in %s", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range lines {
		if data, err := os.ReadFile(name); err == nil && bytes.Contains(data, []byte(secret)) {
			t.Errorf("the secret is in %s", name)
		}
	}
	if strings.Contains(log.String(), secret) {
		t.Error("the secret is in the log")
	}
}

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
