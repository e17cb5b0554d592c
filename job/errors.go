package job

import (
	"fmt"
	"strings"
)

// Position is a place in a document: line and column count from 1, columns in
// characters. The zero Position means unknown.
type Position struct{ Line, Column int }

// Before reports whether p stands before q in the file.
func (p Position) Before(q Position) bool {
	return p.Line < q.Line || (p.Line == q.Line && p.Column < q.Column)
}

// SyntaxError is one finding in a document, with its place.
type SyntaxError struct {
	File         string
	Line, Column int
	// Snippet is the source line with a caret line under it, ready to print;
	// empty when there is nothing to show.
	Snippet string
	Err     error
}

// Error gives file:line:column: text, without the snippet.
func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d:%d: %v", e.File, e.Line, e.Column, e.Err)
}

func (e *SyntaxError) Unwrap() error { return e.Err }

// Detail is Error followed by the snippet.
func (e *SyntaxError) Detail() string {
	if e.Snippet == "" {
		return e.Error()
	}
	return e.Error() + "\n" + e.Snippet
}

// SyntaxErrors are all findings that keep a document from running, in the
// order of the file. It is never empty when returned as an error.
type SyntaxErrors []*SyntaxError

func (es SyntaxErrors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the single findings to errors.As and errors.Is.
func (es SyntaxErrors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

// Strict gives the warnings of a job as an error, nil when there are none.
func (j *Job) Strict() error {
	if len(j.Warnings) == 0 {
		return nil
	}
	return SyntaxErrors(j.Warnings)
}
