package mask_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"pgregory.net/rapid"

	"gitlab.com/f5-pwe/kog/v3/internal/mask"
	"gitlab.com/f5-pwe/kog/v3/job"
)

func masker(values ...string) *mask.Masker {
	vars := map[string]string{}
	for i, v := range values {
		vars[fmt.Sprintf("TOKEN%d", i)] = v
	}
	return mask.New(nil, mask.Source{Vars: vars})
}

// pem has lines of every kind, and is long enough to be broken into lines.
const pem = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKB\n" +
	"wEiOfQIv1cAyYH5rqM5H6mE1yGqXQ7w\r\n}\n-----END KEY-----\n"

// spellings are made without the package's own code, as other programs make them.
func spellings(v string) map[string]string {
	unpadded := base64.RawStdEncoding.EncodeToString([]byte(v))
	quoted, html := new(bytes.Buffer), new(bytes.Buffer)
	plain := json.NewEncoder(quoted)
	plain.SetEscapeHTML(false)
	_, _ = plain.Encode(v), json.NewEncoder(html).Encode(v)
	inner := func(b *bytes.Buffer) string { s := strings.TrimSpace(b.String()); return s[1 : len(s)-1] }
	units := ""
	for _, r := range utf16.Encode([]rune(v)) {
		units += fmt.Sprintf(`\u%04x`, r)
	}
	all := map[string]string{
		"plain": v, "hex": hex.EncodeToString([]byte(v)), "HEX": fmt.Sprintf("%X", v),
		"base64": base64.StdEncoding.EncodeToString([]byte(v)), "unpadded": unpadded,
		"base64 of a line": base64.StdEncoding.EncodeToString([]byte(v + "\n")),
		"base64url":        base64.URLEncoding.EncodeToString([]byte(v)),
		"path":             url.PathEscape(v), "query": url.QueryEscape(v),
		"json": inner(quoted), "json html": inner(html), "units": units, "UNITS": strings.ReplaceAll(strings.ToUpper(units), `\U`, `\u`),
	}
	for _, s := range []string{"path", "query"} {
		parts := strings.Split(all[s], "%")
		for i := 1; i < len(parts); i++ {
			parts[i] = strings.ToLower(parts[i][:2]) + parts[i][2:]
		}
		all[s+" lower"] = strings.Join(parts, "%")
	}
	for before := range 3 {
		for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			text := enc.EncodeToString([]byte("xyz"[:before] + v + "tail"))
			all[fmt.Sprintf("inside base64 %d", before)] = text
		}
	}
	return all
}

func TestEveryForm(t *testing.T) {
	for _, v := range []string{
		"hunter2", "s3cr", `p"a\s<s>&'/é+?=@ 1%`, "grüße€𝄞", "two\nlines", pem, strings.Repeat("long\x01", 40), "inv\xffalid",
	} {
		m := masker(v)
		for name, text := range spellings(v) {
			got := m.String("a " + text + " b")
			switch {
			case strings.HasPrefix(name, "inside"):
				// Up to two characters at either side also depend on the neighbours.
				if !strings.Contains(got, mask.Replacement) || len(got)-len(mask.Replacement) > len("a  b")+2*8 {
					t.Errorf("%q %s: %q", v, name, got)
				}
			case name == "base64 of a line":
				if !strings.Contains(got, mask.Replacement) || len(got) > len("a *** b")+4 {
					t.Errorf("%q %s: %q", v, name, got)
				}
			case got != "a *** b":
				t.Errorf("%q %s: %q", v, name, got)
			}
		}
	}
}

func TestEachLineOfAValue(t *testing.T) {
	m := masker(pem)
	for _, line := range strings.Fields(strings.ReplaceAll(pem, " ", "_")) {
		line = strings.ReplaceAll(line, "_", " ")
		want := mask.Replacement
		if line == "}" {
			want = line
		}
		if got := m.String(line); got != want {
			t.Errorf("line %q: %q", line, got)
		}
		for name, text := range spellings(line) {
			if got := m.String(text); want != line && got == text {
				t.Errorf("line %q %s is not masked", line, name)
			}
		}
	}
}

func TestBase64BrokenIntoLines(t *testing.T) {
	m := masker(pem)
	text := base64.StdEncoding.EncodeToString([]byte(pem))
	for _, width := range []int{64, 76} {
		for _, end := range []string{"\n", "\r\n"} {
			var broken []string
			for part := range slices.Chunk([]byte(text), width) {
				broken = append(broken, string(part))
			}
			if got := m.String(strings.Join(broken, end)); got != mask.Replacement {
				t.Errorf("%d %q: %q", width, end, got)
			}
		}
	}
}

func TestWhichVariables(t *testing.T) {
	m := mask.New([]string{"PLAIN", "ABSENT"}, mask.Source{Vars: map[string]string{
		"PLAIN": "value-1", "my_password": "value-2", "Github_Token_2": "value-3", "AWS_SECRET_ACCESS_KEY": "value-4",
		"DB_PASS": "value-5", "COMPASS": "value-6", "PWD": "value-7", "OLD_PWD": "value-8", "EMPTY_TOKEN": "",
	}}, mask.Source{Name: "action.a", Vars: map[string]string{"PLAIN": "value-9"}})
	for i := 1; i <= 9; i++ {
		v := fmt.Sprintf("value-%d", i)
		if masked, want := m.String(v) != v, i != 6 && i != 7; masked != want {
			t.Errorf("%s: masked %t", v, masked)
		}
	}
	if s := m.Skipped(); len(s) != 0 {
		t.Errorf("skipped %v", s)
	}
}

func TestHarmlessValues(t *testing.T) {
	for v, harmless := range map[string]bool{
		"abc": true, "äöü": true, "12345": true, "TRUE": true, "localhost": true, " root\n": true, "----": true, "éééé": true, "\n \n \n": true,
		"abcd": false, "123456": false, "12.45": false, "roots": false, "a\nb\nc": false,
	} {
		m := masker(v)
		text := "<" + v + ">"
		if got := m.String(text) == text; got != harmless {
			t.Errorf("%q: left alone %t", v, got)
		}
		if got := slices.Equal(m.Skipped(), []string{"TOKEN0"}); got != harmless {
			t.Errorf("%q: skipped %v", v, m.Skipped())
		}
	}
}

func TestLongestWins(t *testing.T) {
	m := masker("abcd", "abcdefgh", "cdef")
	for in, want := range map[string]string{
		"abcdefgh": "***", "abcdefg": "***efg", "xcdefx": "x***x", "abcabcd": "abc***", "abcdabcd": "******",
	} {
		if got := m.String(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestValue(t *testing.T) {
	m := masker("hunter2", "31415926")
	type named struct{ Pin int }
	in := map[string]any{
		"hunter2": []any{"a hunter2", true, nil, json.Number("31415926"), json.Number("31415927")},
		"***":     job.Values{"x": named{31415926}}, "n": []string{"hunter2"}, "m": map[string]any(nil),
	}
	got, err := m.Value(in)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(got)
	want := `{"***":{"x":{"Pin":"***"}},"***-2":["a ***",true,null,"***",31415927],"m":null,"n":["***"]}`
	if err != nil || string(data) != want {
		t.Errorf("%s, %v", data, err)
	}
	if in["hunter2"].([]any)[0] != "a hunter2" {
		t.Error("the argument was changed")
	}
	if _, err := m.Value(map[string]any{"f": func() {}}); err == nil {
		t.Error("a function is no JSON")
	}
}

func TestBytesAreTheSameWithoutSecrets(t *testing.T) {
	m := masker("hunter2")
	b := []byte("nothing here")
	if got := m.Bytes(b); &got[0] != &b[0] {
		t.Error("copied")
	}
	if got := m.Bytes([]byte("x hunter2")); string(got) != "x ***" {
		t.Errorf("%q", got)
	}
	if got := new(mask.Masker).String("any"); got != "any" {
		t.Errorf("zero Masker: %q", got)
	}
}

// stream writes text in pieces, and gives what came out.
func stream(t interface{ Fatal(...any) }, m *mask.Masker, pieces ...string) string {
	var out bytes.Buffer
	w := m.Writer(&out)
	for _, p := range pieces {
		if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A stream in any pieces is what the whole is, and no form is in it.
func TestAnyPieces(t *testing.T) {
	letter := rapid.SampledFrom([]rune("abcé\n\"<%"))
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.StringOfN(letter, 4, 12, -1), 1, 4).Draw(t, "values")
		m := masker(values...)
		var parts []string
		for _, v := range values {
			for _, s := range spellings(v) {
				parts = append(parts, s, s[:len(s)/2])
			}
		}
		slices.Sort(parts)
		pieces := rapid.SliceOfN(rapid.OneOf(rapid.StringOfN(letter, 0, 6, -1), rapid.SampledFrom(parts)), 0, 12).Draw(t, "text")
		text := strings.Join(pieces, "")
		want := m.String(text)
		if again := m.String(want); again != want {
			t.Fatalf("%q still holds a form: %q", want, again)
		}
		var cuts []string
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			cuts, rest = append(cuts, rest[:n]), rest[n:]
		}
		if got := stream(t, m, cuts...); got != want {
			t.Fatalf("in pieces %q: %q, whole %q", cuts, got, want)
		}
		if got := stream(t, m, strings.Split(text, "")...); got != want {
			t.Fatalf("in characters: %q, whole %q", got, want)
		}
	})
}

func FuzzStream(f *testing.F) {
	f.Add("hunter2", "the hunter2 is hunt", uint8(3))
	f.Add("aaab", "aaaaaaabaaab", uint8(1))
	f.Add(pem, pem+base64.StdEncoding.EncodeToString([]byte(pem)), uint8(7))
	f.Fuzz(func(t *testing.T, value, text string, size uint8) {
		m := masker(value, "other secret")
		var pieces []string
		for part := range slices.Chunk([]byte(text), int(size)+1) {
			pieces = append(pieces, string(part))
		}
		want := m.String(text)
		if got := stream(t, m, pieces...); got != want {
			t.Errorf("in pieces %q, whole %q", got, want)
		}
		if !strings.Contains(value, "*") && m.String(want) != want {
			t.Errorf("%q still holds a form", want)
		}
		if back, err := m.Open(m.Seal(text)); back != text || err != nil {
			t.Errorf("sealed and opened: %q, %v", back, err)
		}
	})
}

func TestHoldsBackOnlyBeginnings(t *testing.T) {
	var out bytes.Buffer
	w := masker("hunter2").Writer(&out)
	for _, s := range []struct{ in, out string }{
		{"plain\n", "plain\n"}, {"Password: ", "Password: "}, {"hunt", ""}, {"er", ""}, {"y", "huntery"}, {"hunter2", "***"}, {"hu", ""},
	} {
		out.Reset()
		_, _ = io.WriteString(w, s.in)
		if out.String() != s.out {
			t.Errorf("after %q came %q, want %q", s.in, out.String(), s.out)
		}
	}
	out.Reset()
	if err := w.Flush(); err != nil || out.String() != "hu" {
		t.Errorf("flushed %q, %v", out.String(), err)
	}
}

type closer struct {
	io.Writer
	closed bool
}

func (c *closer) Close() error { c.closed = true; return errors.New("close") }

func TestWriterThatFails(t *testing.T) {
	c := &closer{Writer: iotest.TruncateWriter(nil, 0)}
	w := masker("hunter2").Writer(c)
	if _, err := w.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !c.closed || err == nil || err.Error() != "close" {
		t.Errorf("closed %t, %v", c.closed, err)
	}
	broken := masker("hunter2").Writer(failing{})
	for range 2 {
		if n, err := broken.Write([]byte("x")); n != 0 || !errors.Is(err, errFull) {
			t.Errorf("%d, %v", n, err)
		}
	}
}

var errFull = errors.New("full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }
