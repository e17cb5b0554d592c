package fetch_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/internal/fetch"
)

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "job.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestReadFile(t *testing.T) {
	name := write(t, "name: x\n")
	doc, err := fetch.Read(t.Context(), name, fetch.Options{})
	if err != nil || doc.Name != name || string(doc.Data) != "name: x\n" || doc.HTML {
		t.Errorf("%+v, %v", doc, err)
	}
	if _, err := fetch.Read(t.Context(), name, fetch.Options{MaxBytes: 8}); err != nil {
		t.Errorf("a file as large as the limit: %v", err)
	}
}

func TestReadFileErrors(t *testing.T) {
	dir := t.TempDir()
	name := write(t, "name: x\n")
	for source, want := range map[string]string{
		"":                             "no path, URL or - given",
		"-":                            "read stdin: there is no standard input here",
		dir:                            "read " + dir + ": is a directory, want a file",
		filepath.Join(dir, "none"):     "read " + filepath.Join(dir, "none") + ": ",
		filepath.Join(name, "x"):       "read " + filepath.Join(name, "x") + ": ",
		"ftp://user:s3cr3t@host/x.yml": `scheme "ftp" is not supported`,
		name:                           "larger than the limit of 7 bytes",
	} {
		_, err := fetch.Read(t.Context(), source, fetch.Options{MaxBytes: 7})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%q: error %v, want %q", source, err, want)
		}
	}
	_, err := fetch.Read(t.Context(), filepath.Join(dir, "none"), fetch.Options{})
	if !errors.Is(err, fs.ErrNotExist) || strings.Count(err.Error(), "none") != 1 {
		t.Errorf("missing file: %v", err)
	}
}

func TestReadStdin(t *testing.T) {
	doc, err := fetch.Read(t.Context(), "-", fetch.Options{Stdin: strings.NewReader("{}")})
	if err != nil || doc.Name != "stdin" || string(doc.Data) != "{}" {
		t.Errorf("%+v, %v", doc, err)
	}
	broken := io.MultiReader(strings.NewReader("{"), failing{})
	if _, err := fetch.Read(t.Context(), "-", fetch.Options{Stdin: broken}); !errors.Is(err, errBroken) {
		t.Errorf("broken standard input: %v", err)
	}
}

var errBroken = errors.New("broken")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }

// TestReadStdinEndsWithContext reads a pipe that nobody writes to.
func TestReadStdinEndsWithContext(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	read := make(chan error, 1)
	go func() {
		_, err := fetch.Read(ctx, "-", fetch.Options{Stdin: r})
		read <- err
	}()
	if _, err := w.WriteString("some"); err != nil {
		t.Fatal(err)
	}
	cancel(why)
	if err := <-read; !errors.Is(err, why) {
		t.Errorf("error %v, want the cause", err)
	}
}

func TestExplain(t *testing.T) {
	parse := errors.New("bad job")
	page := fetch.Document{Name: "http://h/x", HTML: true}
	if err := page.Explain(parse); !errors.Is(err, parse) || !strings.Contains(err.Error(), "text/html") {
		t.Errorf("web page: %v", err)
	}
	if err := (fetch.Document{}).Explain(parse); err != parse { //nolint:errorlint // the very same error
		t.Errorf("other document: %v", err)
	}
	if err := page.Explain(nil); err != nil {
		t.Errorf("no error: %v", err)
	}
}
