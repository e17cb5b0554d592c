package screen_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"gitlab.com/f5-pwe/kog/v3/internal/screen"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain text":                         "plain text",
		"\x1b[31mred\x1b[0m":                 "red",
		"\x1b[2J\x1b[Hclear":                 "clear",
		"\x1b]0;title\x07after":              "after",
		"\x1b]8;;http://x\x1b\\link\x1b]8;;": "link8;;",
		"\x1bP1$r0m\x1b\\dcs":                "dcs",
		"\u009b31mC1\u009b0m":                "C1",
		"\u009d0;title\u009cC1 string":       "C1 string",
		"\x1b(Bcharset \x1b=keypad \x1bc":    "charset keypad ",
		"cut \x1b[3":                         "cut 3",
		"bell\a back\b null\x00 del\x7f":     "bell back null del",
		"one\ntwo\r\n":                       "one two ",
		"a\tb":                               "a       b",
		"漢字\tb":                              "漢字    b",
		"right\u202eleft\u2066":              "rightleft",
		"zero\u200bwidth\u200d\ufeff":        "zerowidth",
		"sun\u2600\ufe0f":                    "sun\u2600",
		"no\u00a0break\u3000wide\u2028line":  "no break wide line",
		"bad \xff\xc3":                       "bad \ufffd\ufffd",
		"e\u0301":                            "e\u0301",
	} {
		if got := screen.Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWidthAndCut(t *testing.T) {
	for _, tc := range []struct {
		text  string
		width int
		cells int
		cut   string
	}{
		{"", 0, 3, ""},
		{"abc", 3, 3, "abc"},
		{"abcd", 4, 3, "ab…"},
		{"abc", 3, 1, "…"},
		{"abc", 3, 0, ""},
		{"漢字", 4, 4, "漢字"},
		{"漢字漢", 6, 4, "漢…"},
		{"漢字漢", 6, 5, "漢字…"},
		{"e\u0301e\u0301e\u0301", 3, 2, "e\u0301…"},
		{"😀😀", 4, 3, "😀…"},
		{"ａb", 3, 2, "…"},
	} {
		if got := screen.Width(tc.text); got != tc.width {
			t.Errorf("Width(%q) = %d, want %d", tc.text, got, tc.width)
		}
		if got := screen.Cut(tc.text, tc.cells); got != tc.cut {
			t.Errorf("Cut(%q, %d) = %q, want %q", tc.text, tc.cells, got, tc.cut)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tc := range []struct {
		text  string
		cells int
		want  string
	}{
		{"", 5, ""},
		{"one two", 7, "one two"},
		{"one two", 6, "one|two"},
		{"one two three", 3, "one|two|thr|ee"},
		{"abcdefgh ij", 4, "abcd|efgh|ij"},
		{"漢字漢字", 5, "漢字|漢字"},
		{"a 漢", 1, "a|漢"},
	} {
		if got := strings.Join(screen.Wrap(tc.text, tc.cells), "|"); got != tc.want {
			t.Errorf("Wrap(%q, %d) = %q, want %q", tc.text, tc.cells, got, tc.want)
		}
	}
}

func TestLineCut(t *testing.T) {
	line := screen.Line{{Text: "one "}, {Text: "two", Style: screen.Bold}, {Text: "\x1b[1m"}}
	for cells, want := range map[int]string{8: "one two", 7: "one two", 6: "one t…", 4: "one…", 0: ""} {
		if got := line.Cut(cells).String(); got != want {
			t.Errorf("Cut(%d) = %q, want %q", cells, got, want)
		}
	}
}

// Whatever a container prints, what is shown of it moves no cursor and takes
// no more room than it is given.
func FuzzText(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[31mred", "\u009b2J", "\x1b]0;t\x07", "漢\t字\xff", "\u202e\ufe0f\u200d", "a b  c"} {
		f.Add(s, 7)
	}
	f.Fuzz(func(t *testing.T, s string, cells int) {
		clean := screen.Clean(s)
		if !utf8.ValidString(clean) || strings.ContainsFunc(clean, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
			t.Errorf("Clean(%q) = %q", s, clean)
		}
		if again := screen.Clean(clean); again != clean {
			t.Errorf("Clean(%q) = %q, once more %q", s, clean, again)
		}
		cells = min(max(cells, 0), 200)
		if got := screen.Cut(clean, cells); screen.Width(got) > cells {
			t.Errorf("Cut(%q, %d) = %q", clean, cells, got)
		}
		rows := screen.Wrap(clean, cells)
		for _, row := range rows {
			if screen.Width(row) > max(cells, 2) {
				t.Errorf("Wrap(%q, %d) has %q", clean, cells, row)
			}
		}
		if squeeze(strings.Join(rows, "")) != squeeze(clean) {
			t.Errorf("Wrap(%q, %d) = %q", clean, cells, rows)
		}
		if got := (screen.Line{{Text: s}, {Text: s}}).Cut(cells); got.Width() > cells {
			t.Errorf("Line.Cut(%q, %d) = %q", s, cells, got)
		}
	})
}

func squeeze(s string) string { return strings.ReplaceAll(s, " ", "") }
