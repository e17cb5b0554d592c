package mask

import (
	"cmp"
	"math/bits"
	"slices"
)

// maxSpan is how many bytes at the beginning of a text are used to find it.
const maxSpan = 16

// matcher finds texts in bytes: the leftmost, and of those that begin there
// the longest.
//
// Every text that has its beginning at b has, within its first span bytes, a
// gram at one of any stride positions that follow each other. So it is enough
// to look at every stride-th gram, and to look closer where that one is a gram
// of some beginning.
type matcher struct {
	texts  []string
	span   int
	stride int
	grams  *gramSet // those in the first span bytes of the texts
	// byPrefix has the texts by their first span bytes, longest first.
	byPrefix map[string][]int
	// beginnings are the beginnings that are shorter than span.
	beginnings map[string]struct{}
	firstBytes [256]bool
}

// newMatcher wants texts of at least MinLength bytes.
func newMatcher(texts []string) matcher {
	m := matcher{texts: texts}
	if len(texts) == 0 {
		return m
	}
	m.span = maxSpan
	for _, t := range texts {
		m.span = min(m.span, len(t))
	}
	m.stride = m.span - gram + 1
	m.grams = &gramSet{}
	m.byPrefix, m.beginnings = map[string][]int{}, map[string]struct{}{}
	for i, t := range texts {
		for off := range m.stride {
			m.grams.add([]byte(t[off:]), off)
		}
		m.firstBytes[t[0]] = true
		for n := 1; n < m.span; n++ {
			m.beginnings[t[:n]] = struct{}{}
		}
		m.byPrefix[t[:m.span]] = append(m.byPrefix[t[:m.span]], i)
	}
	for _, same := range m.byPrefix {
		slices.SortFunc(same, func(a, b int) int { return cmp.Compare(len(texts[b]), len(texts[a])) })
	}
	return m
}

// hit is where a text was found: b[begin:end] is texts[text]. When end is
// begin, no text was found before begin, and what follows from there, if
// anything, may be the beginning of one.
type hit struct{ begin, end, text int }

// next looks for the first text in b from pos on. more says that b may go on.
func (m *matcher) next(b []byte, pos int, more bool) hit {
	none := hit{begin: len(b), end: len(b)}
	if len(m.texts) == 0 {
		return none
	}
	grams, stride := m.grams, m.stride
	for p := grams.skip(b, pos+stride-1, stride); p+gram <= len(b); p = grams.skip(b, p+stride, stride) {
		for offsets := grams.at(b[p:]); offsets != 0; {
			off := bits.Len16(offsets) - 1 // the leftmost beginning comes first
			offsets &^= 1 << off
			if h, ok := m.at(b, p-off, more); ok {
				return h
			}
		}
	}
	if !more {
		return none
	}
	for at := max(pos, len(b)-m.span+1); at < len(b); at++ {
		if !m.firstBytes[b[at]] {
			continue
		}
		if _, ok := m.beginnings[string(b[at:])]; ok {
			return hit{begin: at, end: at}
		}
	}
	return none
}

// at looks for the longest text at one place.
func (m *matcher) at(b []byte, at int, more bool) (hit, bool) {
	rest := b[at:]
	if len(rest) < m.span || m.grams.at(rest)&1 == 0 {
		return hit{}, false
	}
	for _, i := range m.byPrefix[string(rest[:m.span])] {
		t := m.texts[i]
		switch {
		case len(t) <= len(rest):
			if string(rest[:len(t)]) == t {
				return hit{begin: at, end: at + len(t), text: i}, true
			}
		case more && t[:len(rest)] == string(rest):
			return hit{begin: at, end: at}, true
		}
	}
	return hit{}, false
}
