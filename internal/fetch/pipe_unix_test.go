//go:build unix

package fetch_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/internal/fetch"
)

func namedPipe(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestReadNamedPipe(t *testing.T) {
	name := namedPipe(t)
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(name, []byte("name: x"), 0) }()
	doc, err := fetch.Read(t.Context(), name, fetch.Options{})
	if err != nil || string(doc.Data) != "name: x" {
		t.Errorf("%+v, %v", doc, err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestNamedPipeWithoutWriterEndsWithContext(t *testing.T) {
	why := errors.New("enough")
	for _, early := range []bool{true, false} {
		ctx, cancel := context.WithCancelCause(t.Context())
		if early {
			cancel(why)
		}
		read := make(chan error, 1)
		name := namedPipe(t)
		go func() {
			_, err := fetch.Read(ctx, name, fetch.Options{})
			read <- err
		}()
		cancel(why)
		if err := <-read; !errors.Is(err, why) {
			t.Errorf("error %v, want the cause", err)
		}
	}
}

func TestUnreadableFile(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads every file")
	}
	name := write(t, "x")
	if err := os.Chmod(name, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch.Read(t.Context(), name, fetch.Options{}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error %v, want ErrPermission", err)
	}
}
