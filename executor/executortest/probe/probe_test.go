package probe

import (
	"bytes"
	"context"
	"io/fs"
	"strings"
	"testing"
)

// stub is a file system without files, and a kernel that does nothing.
type stub struct{}

func (stub) ReadFile(string) ([]byte, error)  { return nil, fs.ErrNotExist }
func (stub) WriteFile(string, []byte) error   { return fs.ErrPermission }
func (stub) AppendFile(string, []byte) error  { return nil }
func (stub) Mkdir(string) error               { return fs.ErrExist }
func (stub) Mode(string) (fs.FileMode, error) { return 0o644, nil }
func (stub) Catch() <-chan struct{}           { c := make(chan struct{}, 1); c <- struct{}{}; return c }
func (stub) Die(string) error                 { return nil }
func (stub) Grow(int64) error                 { return nil }
func (stub) Spawn(...string) error            { return nil }
func (stub) Open(_ string, write bool) error {
	if write {
		return fs.ErrPermission
	}
	return nil
}
func (stub) Size(string) (int64, error)   { return 4096, nil }
func (stub) PID() int                     { return 7 }
func (stub) Orphan(context.Context) error { return nil }
func (stub) Abandon() (int, error)        { return 8, nil }

func run(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = Main(context.Background(), &Proc{
		Args: append([]string{"probe"}, args...), Env: []string{"B=2", "A=1"}, Dir: "/d", UID: 1, GID: 2,
		Stdin: strings.NewReader("in"), Stdout: &out, Stderr: &err, FS: stub{}, Kernel: stub{},
	})
	return code, out.String(), err.String()
}

func TestCommands(t *testing.T) {
	tests := []struct {
		command string
		code    int
		stdout  string
	}{
		{"", CodeUsage, ""},
		{"dance", CodeUsage, ""},
		{"exit", CodeUsage, ""},
		{"exit one", CodeFailed, ""},
		{"exit 0 -- exit 3", 0, ""},
		{"print stdout a -- print stdout b -- exit 7", 7, "ab"},
		{"print nowhere a", CodeFailed, ""},
		{"exit 1 --", 1, ""},
		{"print stdout a -- -- exit 1", CodeUsage, "a"},
		{"stdin", 0, "in"},
		{"describe", 0, `{"args":["probe","describe"],"env":["A=1","B=2"],"dir":"/d","uid":1,"gid":2}` + "\n"},
		{"read /x", CodeMissing, ""},
		{"write /x y", CodeDenied, ""},
		{"mkdir /x", CodeFailed, ""},
		{"append /x y -- mode /x", 0, "-rw-r--r--\n"},
		{"lines stdout 2 x", 0, "x 1\nx 2\n"},
		{"lines both 1 x", 0, "x out 1\n"},
		{"line stdout 3", 0, "012\n"},
		{"noise stdout 0 1", 0, ""},
		{"trap 4", 4, "ready\ncaught SIGTERM\n"},
		{"spawn exit 1 -- exit 2", 2, ""},
		{"die SIGKILL", CodeFailed, ""},
		{"grow 1 -- exit 5", 5, ""},
		{"open /x r -- size /x", 0, "4096\n"},
		{"open /x w", CodeDenied, ""},
		{"open /x x", CodeFailed, ""},
		{"pid -- abandon -- orphan -- exit 6", 6, "7\n8\n"},
	}
	for _, tt := range tests {
		t.Run(tt.command, func(t *testing.T) {
			code, stdout, stderr := run(strings.Fields(tt.command)...)
			if code != tt.code || stdout != tt.stdout {
				t.Errorf("code %d and %q, want %d and %q; stderr: %s", code, stdout, tt.code, tt.stdout, stderr)
			}
			if (code >= CodeFailed) != (stderr != "") && tt.command != "lines both 1 x" && tt.command != "die SIGKILL" {
				t.Errorf("code %d with stderr %q", code, stderr)
			}
		})
	}
}

func TestNoiseDependsOnItsSeedOnly(t *testing.T) {
	noise := func(seed uint64, size int64) string {
		var b bytes.Buffer
		if err := WriteNoise(&b, size, seed); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if a := noise(1, 1000); a != noise(1, 1000) || a == noise(2, 1000) || len(a) != 1000 || !strings.HasPrefix(noise(1, 2000), a) {
		t.Error("the same seed gives other bytes, or another seed the same")
	}
}

func TestLineNeverBreaks(t *testing.T) {
	var b bytes.Buffer
	if err := WriteLine(&b, 200_000); err != nil {
		t.Fatal(err)
	}
	if b.Len() != 200_001 || strings.IndexByte(b.String(), '\n') != 200_000 {
		t.Errorf("%d bytes, the first newline at %d", b.Len(), strings.IndexByte(b.String(), '\n'))
	}
}
