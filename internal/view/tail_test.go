package view

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTail(t *testing.T) {
	for _, tc := range []struct {
		name   string
		pieces []string
		want   []string
	}{
		{"nothing", nil, nil},
		{"lines", []string{"a\nb\n"}, []string{"a", "b"}},
		{"in pieces", []string{"a", "b\nc", "d\r", "\n"}, []string{"ab", "cd"}},
		{"no end yet", []string{"a\nbc"}, []string{"a", "bc"}},
		{"progress", []string{"10%\r", "20%\r30%", "\r40%\r"}, []string{"40%"}},
		{"progress with an end", []string{"10%\r20%\r\nnext\n"}, []string{"20%", "next"}},
		{"results are no output", []string{"a\n KOG:{}\nKOG:", "{}\nb\nKOG:{"}, []string{"a", "b"}},
		{"long", []string{strings.Repeat("x", tailBytes), "yyy\nb\n"}, []string{strings.Repeat("x", tailBytes), "b"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tl := &tail{wake: func() {}}
			stdout, _ := tl.open()
			for _, p := range tc.pieces {
				if n, err := stdout.Write([]byte(p)); n != len(p) || err != nil {
					t.Fatalf("Write = %d, %v", n, err)
				}
			}
			if got := tl.latest(); !slices.Equal(got, tc.want) {
				t.Errorf("%q, want %q", got, tc.want)
			}
			if err := stdout.Close(); err != nil {
				t.Fatal(err)
			}
			if got := tl.latest(); !slices.Equal(got, tc.want) {
				t.Errorf("after the end %q, want %q", got, tc.want)
			}
		})
	}
}

func TestTailOfBothStreams(t *testing.T) {
	woken := 0
	tl := &tail{wake: func() { woken++ }}
	stdout, stderr := tl.open()
	_, _ = fmt.Fprint(stdout, "out 1\nout 2")
	_, _ = fmt.Fprint(stderr, "err 1\nKOG: not a result\n")
	_, _ = fmt.Fprint(stdout, " goes on\n")
	want := []string{"out 1", "err 1", "KOG: not a result", "out 2 goes on"}
	if got := tl.latest(); !slices.Equal(got, want) || woken != 3 {
		t.Errorf("%q, want %q; woken %d times", got, want, woken)
	}
	tl.open()
	if got := tl.latest(); len(got) != 0 {
		t.Errorf("the next attempt begins with %q", got)
	}
}

// However the output is cut into writes, the tail is that of the whole.
func TestTailProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.StringMatching(`[a-z]{0,12}`), 0, 60).Draw(t, "lines")
		text := strings.Join(append(lines, ""), "\n")
		tl := &tail{wake: func() {}}
		stdout, _ := tl.open()
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			_, _ = fmt.Fprint(stdout, rest[:n])
			rest = rest[n:]
		}
		if want := lines[max(0, len(lines)-tailLines):]; !slices.Equal(tl.latest(), want) {
			t.Fatalf("%q, want %q", tl.latest(), want)
		}
	})
}

func BenchmarkTail(b *testing.B) {
	tl := &tail{wake: func() {}}
	stdout, _ := tl.open()
	piece := []byte(strings.Repeat("an ordinary line of output, 64 bytes long with its newline.....\n", 512))
	b.SetBytes(int64(len(piece)))
	for b.Loop() {
		_, _ = stdout.Write(piece)
	}
}
