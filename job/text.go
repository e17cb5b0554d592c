package job

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// The limits of a document. A document that is over one of them is refused
// with an error that names the limit, before it costs much memory or time.
const (
	// MaxBytes is the size of a job file or a context file.
	MaxBytes = 16 << 20
	// MaxDepth is how deep lists and objects may stand in each other.
	MaxDepth = 100
	// MaxNodes is how many values a document may have, its YAML aliases
	// written out.
	MaxNodes = 500_000
	// MaxName is the length in bytes of the name of a workflow, step or action.
	MaxName = 256
)

// newSource takes the byte order mark off a document, tells the two formats
// apart and refuses what is no text.
func newSource(name string, data []byte) (*source, *SyntaxError) {
	s := &source{name: name}
	if len(data) > MaxBytes {
		return nil, s.problem(Position{}, fmt.Errorf("the file has %d bytes: at most %d are read", len(data), MaxBytes))
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil, s.problem(Position{Line: 1, Column: 1}, errors.New("the file is UTF-16: save it as UTF-8"))
	}
	s.data = bytes.TrimPrefix(data, []byte("\ufeff"))
	s.yaml = !bytes.HasPrefix(bytes.TrimLeft(s.data, " \t\r\n"), []byte("{"))
	if offset, err := findBadText(s.data, s.yaml); err != nil {
		return nil, s.problem(s.cursor().toOffset(offset), err)
	}
	return s, nil
}

// problem is a finding without an excerpt.
func (s *source) problem(at Position, err error) *SyntaxError {
	return &SyntaxError{File: s.name, Line: at.Line, Column: at.Column, Err: err}
}

// findBadText looks for the first byte that may not stand in a document.
//
// Source of the rule for YAML: YAML 1.2.2, production c-printable.
func findBadText(data []byte, yaml bool) (offset int, err error) {
	for i := 0; i < len(data); {
		c := data[i]
		if c >= ' ' && c < 0x7F || c == '\n' || c == '\t' || c == '\r' {
			i++
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return i, fmt.Errorf("byte 0x%02X is not UTF-8: save the file as UTF-8", c)
		case r == 0:
			return i, errors.New("a NUL byte: this is not a text file")
		case r < ' ', yaml && !yamlPrintable(r):
			return i, fmt.Errorf("control character %U: write it as an escape in a quoted string", r)
		}
		i += size
	}
	return 0, nil
}

func yamlPrintable(r rune) bool {
	switch {
	case r == 0x7F, r > 0x7F && r < 0xA0 && r != 0x85:
		return false
	}
	return r != 0xFEFF && r != 0xFFFE && r != 0xFFFF
}
