package journal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An output that is read again from its beginning loses nothing of what was
// there: not while it is read, and not when the engine has less than before.
func TestLogIsReadAgain(t *testing.T) {
	for _, c := range []struct {
		name, before string
		again        []string
		want, kept   string
	}{
		{name: "new", again: []string{"one\n", "two\n"}, want: "one\ntwo\n"},
		{name: "the same", before: "one\n", again: []string{"o", "ne\n"}, want: "one\n"},
		{name: "more", before: "one\n", again: []string{"one\ntw", "o\n"}, want: "one\ntwo\n"},
		{name: "cut off again", before: "one\ntwo\n", again: []string{"one"}, want: "one\ntwo\n"},
		{name: "nothing", before: "one\n", want: "one\n"},
		{name: "without its beginning", before: "one\ntwo\n", again: []string{"two\nthree\n"}, want: "two\nthree\n", kept: "one\ntwo\n"},
		{name: "shorter, and another one", before: "one\ntwo\n", again: []string{"one\n", "th"}, want: "one\nth", kept: "one\ntwo\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "0001-start.stdout.log")
			if c.before != "" {
				if err := os.WriteFile(name, []byte(c.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			l, err := openLog(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range c.again {
				if got := read(t, name); len(got) < len(c.before) && c.kept == "" {
					t.Errorf("while it is read there is only %q", got)
				}
				if n, err := l.Write([]byte(p)); n != len(p) || err != nil {
					t.Fatalf("Write(%q): %d, %v", p, n, err)
				}
			}
			err = l.Close()
			if got := read(t, name); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if c.kept == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if got := read(t, name+".1"); got != c.kept {
				t.Errorf("kept %q, want %q", got, c.kept)
			}
			if err == nil || !strings.HasSuffix(err.Error(), "0001-start.stdout.log.1") {
				t.Errorf("closing it tells %v", err)
			}
		})
	}
}

// What was kept once is not replaced by what is kept the next time.
func TestLogIsReadAgainAndAgain(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	for _, output := range []string{"one\n", "two\n", "three\n"} {
		l, err := openLog(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Write([]byte(output)); err != nil {
			t.Fatal(err)
		}
		_ = l.Close() // tells of the former one
	}
	if got := read(t, name) + read(t, name+".1") + read(t, name+".2"); got != "three\none\ntwo\n" {
		t.Errorf("got %q", got)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
