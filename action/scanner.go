package action

import (
	"bytes"
	"errors"
	"fmt"
)

// MaxResultLine is the longest result line in bytes that is read: 64 MiB.
const MaxResultLine = 64 << 20

// ErrNoResult means that the output had no result line.
var ErrNoResult = errors.New("no KOG: result line")

// BadResultError is a result line that cannot be used.
type BadResultError struct {
	// Line is the beginning of the line, printable.
	Line string
	Err  error
}

func (e *BadResultError) Error() string {
	return fmt.Sprintf("bad KOG: result line %q: %v", e.Line, e.Err)
}

func (e *BadResultError) Unwrap() error { return e.Err }

// Scanner finds the last result line in a container's standard output. It is
// an io.Writer that takes the output in pieces of any size and holds at most
// one line: the latest one that begins with Prefix, blanks before it allowed.
// Its Write never fails. It is not safe for concurrent use. The zero Scanner
// is ready.
type Scanner struct {
	// Redact, if set, changes a bad line before the error quotes it. A line
	// that is too long is then not quoted, since it was cut already.
	Redact func(string) string

	state   scanState
	matched int    // bytes of Prefix seen, in statePrefix
	line    []byte // what follows Prefix on the latest result line
	found   bool
	tooLong bool
}

type scanState int

const (
	stateBlank  scanState = iota // at the beginning of a line, or in blanks there
	statePrefix                  // in Prefix
	stateLine                    // behind Prefix: a result line
	stateSkip                    // in any other line
)

// Write scans p. It always returns len(p), nil.
func (s *Scanner) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		switch s.state {
		case stateSkip:
			i := bytes.IndexByte(p, '\n')
			if i < 0 {
				return n, nil
			}
			p, s.state = p[i+1:], stateBlank
		case stateLine:
			p = s.take(p)
		default:
			s.step(p[0])
			p = p[1:]
		}
	}
	return n, nil
}

// step takes one byte before the prefix is complete.
func (s *Scanner) step(c byte) {
	switch {
	case c == '\n':
		s.state, s.matched = stateBlank, 0
	case s.state == stateBlank && (c == ' ' || c == '\t' || c == '\r'):
	case c == Prefix[s.matched]:
		s.state = statePrefix
		if s.matched++; s.matched == len(Prefix) {
			s.state, s.matched = stateLine, 0
			s.found, s.tooLong, s.line = true, false, s.line[:0]
		}
	default:
		s.state, s.matched = stateSkip, 0
	}
}

// take collects a result line and returns what follows it.
func (s *Scanner) take(p []byte) []byte {
	chunk, rest := p, []byte(nil)
	if i := bytes.IndexByte(p, '\n'); i >= 0 {
		chunk, rest, s.state = p[:i], p[i+1:], stateBlank
	}
	switch {
	case s.tooLong:
	case len(s.line)+len(chunk) > MaxResultLine:
		s.tooLong, s.line = true, bytes.Clone(s.line[:min(len(s.line), maxQuote)])
	default:
		s.line = append(s.line, chunk...)
	}
	return rest
}

// maxQuote is how much of a bad line an error quotes.
const maxQuote = 160

// Result parses the last result line seen, which need not have its newline
// yet. Without one the error is ErrNoResult; for one that cannot be used it is
// a *BadResultError.
func (s *Scanner) Result() (Result, error) {
	if !s.found {
		return Result{}, ErrNoResult
	}
	line := bytes.TrimRight(s.line, "\r")
	err := error(nil)
	if s.tooLong {
		err = fmt.Errorf("longer than %d bytes", MaxResultLine)
	} else {
		var r Result
		if r, err = ParseResult(line); err == nil {
			return r, nil
		}
	}
	text := string(line)
	if s.Redact != nil {
		text, err = s.redact(text, err)
	}
	return Result{}, &BadResultError{Line: Prefix + Shorten(text, maxQuote), Err: err}
}

// redact also finds anew what is wrong, since errors quote parts of the line.
func (s *Scanner) redact(line string, err error) (string, error) {
	if s.tooLong {
		return "…", err
	}
	redacted := s.Redact(line)
	if redacted == line {
		return line, err
	}
	if _, err := ParseResult([]byte(redacted)); err != nil {
		return redacted, err
	}
	return redacted, errors.New("cannot be used")
}
