package mask

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// form is one way in which a value can be written. Its name is a part of
// labels in journals, and says for ever how the text is made from the value.
type form struct{ name, text string }

// forms are all forms of a value, and of each of its lines that is not
// harmless. A text may come more than once.
func forms(value string) []form {
	all := encodings(value)
	add := func(piece, text string) {
		if harmless(text) {
			return
		}
		for _, f := range encodings(text) {
			f.name = strings.TrimSuffix(piece+"."+f.name, ".")
			all = append(all, f)
		}
	}
	trimmed := strings.TrimSpace(value)
	if trimmed != value {
		add("trimmed", trimmed)
	}
	if strings.ContainsAny(trimmed, "\r\n") {
		lines := strings.FieldsFunc(trimmed, func(r rune) bool { return r == '\n' || r == '\r' })
		for i, line := range lines {
			add("line"+strconv.Itoa(i+1), strings.TrimSpace(line))
		}
	}
	return all
}

func encodings(v string) []form {
	all := []form{{"", v}}
	if !utf8.ValidString(v) {
		all = append(all, form{"utf8", string([]rune(v))}) // what JSON makes of it
	}
	lower := hex.EncodeToString([]byte(v))
	all = append(all, form{"hex", lower}, form{"HEX", strings.ToUpper(lower)})
	all = append(all, urlForms(v)...)
	all = append(all, jsonForms(v)...)
	all = append(all, base64Forms("base64", v, base64.StdEncoding)...)
	return append(all, base64Forms("base64url", v, base64.URLEncoding)...)
}

// urlForms are those of Go for paths and queries, of RFC 3986 (all but the
// unreserved characters escaped), of ECMAScript's encodeURIComponent, and with
// slashes left alone, each in both cases of the hexadecimal digits.
func urlForms(v string) []form {
	strict := strings.ReplaceAll(url.QueryEscape(v), "+", "%20")
	script := strings.NewReplacer("%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(strict)
	upper := []form{
		{"path", url.PathEscape(v)},
		{"query", url.QueryEscape(v)},
		{"url", strict},
		{"script", script},
		{"slashes", strings.ReplaceAll(strict, "%2F", "/")},
	}
	all := upper
	for _, f := range upper {
		all = append(all, form{f.name + "-lower", lowerEscapes(f.text)})
	}
	return all
}

// lowerEscapes turns %2F into %2f.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:], strings.ToLower(string(b[i+1:i+3])))
			i += 2
		}
	}
	return string(b)
}

// jsonForms are the inner parts of JSON strings, as the usual writers have them.
func jsonForms(v string) []form {
	html := func(r rune) bool { return strings.ContainsRune("<>&\u2028\u2029", r) }
	lines := func(r rune) bool { return r == '\u2028' || r == '\u2029' }
	ascii := func(r rune) bool { return r > 0x7e }
	var all []form
	for _, s := range []struct {
		name   string
		escape func(rune) bool
		slash  bool
	}{
		{"json", func(rune) bool { return false }, false},
		{"json-lines", lines, false},
		{"json-html", html, false},
		{"json-slash", ascii, true},
		{"json-ascii", ascii, false},
		{"json-ascii-html", func(r rune) bool { return ascii(r) || html(r) }, false},
	} {
		all = append(all,
			form{s.name, jsonEscape(v, "%04x", s.slash, s.escape)},
			form{s.name + "-upper", jsonEscape(v, "%04X", s.slash, s.escape)})
	}
	return append(all, form{"json-all", jsonUnits(v, "%04x")}, form{"json-all-upper", jsonUnits(v, "%04X")})
}

var jsonShort = strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\b", `\b`, "\f", `\f`)

// jsonEscape escapes what has to be, and what escape says.
func jsonEscape(v, digits string, slash bool, escape func(rune) bool) string {
	var out strings.Builder
	for _, r := range v {
		s := jsonShort.Replace(string(r))
		switch {
		case s != string(r):
			out.WriteString(s)
		case r == '/' && slash:
			out.WriteString(`\/`)
		case r < 0x20 || escape(r):
			out.WriteString(jsonUnits(string(r), digits))
		default:
			out.WriteString(s)
		}
	}
	return out.String()
}

// jsonUnits escapes everything.
func jsonUnits(v, digits string) string {
	var out strings.Builder
	for _, unit := range utf16.Encode([]rune(v)) {
		fmt.Fprintf(&out, `\u`+digits, unit)
	}
	return out.String()
}

// base64Forms are the whole encoding, with and without padding and broken into
// lines as the usual tools break it, and for each of the three offsets that a
// value can have in a longer text, the characters that it alone decides.
func base64Forms(name, v string, enc *base64.Encoding) []form {
	all := []form{
		{name, enc.EncodeToString([]byte(v))},
		{name + "-raw", enc.WithPadding(base64.NoPadding).EncodeToString([]byte(v))},
	}
	for phase := range 3 {
		text := enc.EncodeToString([]byte(strings.Repeat("\x00", phase) + v))
		core := text[(phase*8+5)/6 : (phase+len(v))*8/6]
		all = append(all, form{fmt.Sprintf("%s-%d", name, phase), core})
	}
	whole := all[:3]
	for _, width := range []int{64, 76} {
		for _, f := range whole {
			if len(f.text) > width {
				all = append(all,
					form{fmt.Sprintf("%s-lf%d", f.name, width), wrap(f.text, width, "\n")},
					form{fmt.Sprintf("%s-crlf%d", f.name, width), wrap(f.text, width, "\r\n")})
			}
		}
	}
	return all
}

func wrap(s string, width int, end string) string {
	var out strings.Builder
	for len(s) > width {
		out.WriteString(s[:width])
		out.WriteString(end)
		s = s[width:]
	}
	out.WriteString(s)
	return out.String()
}
