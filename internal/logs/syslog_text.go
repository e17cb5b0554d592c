package logs

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// appendHarmless appends text without anything that a terminal, a parser of
// lines or a reader could take for more than text: what is not printable and
// bytes that are not UTF-8 come as Go writes them in a string ("\n", "\x1b").
func appendHarmless(dst []byte, text string) []byte {
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && n == 1:
			dst = fmt.Appendf(dst, `\x%02x`, text[0])
		case strconv.IsPrint(r):
			dst = append(dst, text[:n]...)
		default:
			quoted := strconv.QuoteRune(r)
			dst = append(dst, quoted[1:len(quoted)-1]...)
		}
		text = text[n:]
	}
	return dst
}

// appendAttr appends " key=value" in logfmt, harmless too.
func appendAttr(dst []byte, prefix string, a slog.Attr) []byte {
	v := a.Value.Resolve()
	switch {
	case a.Key == "" && v.Kind() != slog.KindGroup:
		return dst
	case v.Kind() == slog.KindGroup:
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range v.Group() {
			dst = appendAttr(dst, prefix, member)
		}
		return dst
	}
	text := v.String()
	if v.Kind() == slog.KindTime {
		text = v.Time().UTC().Format(time.RFC3339Nano)
	}
	dst = append(dst, ' ')
	dst = appendLogfmt(dst, prefix+a.Key)
	dst = append(dst, '=')
	return appendLogfmt(dst, text)
}

func appendLogfmt(dst []byte, text string) []byte {
	bare := text != "" && strings.IndexFunc(text, func(r rune) bool {
		return r == ' ' || r == '=' || r == '"' || r == utf8.RuneError || !strconv.IsPrint(r)
	}) < 0
	if bare {
		return append(dst, text...)
	}
	return strconv.AppendQuote(dst, text)
}

// shorten cuts text to at most limit bytes, between two characters, with a mark
// at its end that says how many bytes there were.
func shorten(text []byte, limit int) []byte {
	if len(text) <= limit {
		return text
	}
	mark := fmt.Sprintf("... [cut, %d bytes]", len(text))
	return append(text[:wholeRunes(text, limit-len(mark))], mark...)
}

// wholeRunes is the largest length up to limit that ends between two characters.
func wholeRunes(text []byte, limit int) int {
	limit = max(0, min(limit, len(text)))
	for limit > 0 && limit < len(text) && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return limit
}
