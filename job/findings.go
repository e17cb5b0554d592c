package job

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// maxFindings is how many errors, and how many warnings, are told at once.
const maxFindings = 100

// findings collects what is wrong in one document.
type findings struct {
	src      *source
	errs     list
	warnings list
}

// list is one kind of finding. Parts of a document that are used twice by
// aliases are looked at twice, so equal findings count once.
type list struct {
	found  []*SyntaxError
	seen   map[string]bool
	capped bool
}

// errorf and warnf print their arguments only when the finding will be listed,
// so that costly ones, such as a suggestion, are cheap when there are too many.
func (f *findings) errorf(at Position, format string, args ...any) {
	if !f.errs.capped {
		f.add(&f.errs, at, fmt.Errorf(format, args...))
	}
}

func (f *findings) warnf(at Position, format string, args ...any) {
	if !f.warnings.capped {
		f.add(&f.warnings, at, fmt.Errorf(format, args...))
	}
}

func (f *findings) add(l *list, at Position, err error) {
	p := f.src.problem(at, err)
	key := p.Error()
	if l.capped || l.seen[key] {
		return
	}
	if len(l.found) == maxFindings {
		p.Err = fmt.Errorf("too many findings: only %d are listed", maxFindings)
		l.capped = true
	}
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	l.seen[key] = true
	l.found = append(l.found, p)
}

// finish puts the findings in the order of the document and adds the excerpts.
// The error is nil or a SyntaxErrors.
func (f *findings) finish() (warnings []*SyntaxError, err error) {
	all := slices.Concat(f.errs.found, f.warnings.found)
	for _, part := range [][]*SyntaxError{f.errs.found, f.warnings.found, all} {
		slices.SortStableFunc(part, byPlace)
	}
	at := f.src.cursor()
	for _, p := range all {
		at.show(p)
	}
	if len(f.errs.found) > 0 {
		return f.warnings.found, SyntaxErrors(f.errs.found)
	}
	return f.warnings.found, nil
}

// show goes forward to the place of a finding and adds its excerpt.
func (c *cursor) show(p *SyntaxError) {
	if p.Line == 0 {
		return
	}
	c.toPosition(Position{Line: p.Line, Column: p.Column})
	// The YAML library puts what is missing behind the end of the file.
	p.Line, p.Column = c.at.Line, c.at.Column
	if len(c.src.data) > 0 && !c.src.hidden(p.Line) {
		p.Snippet = c.excerpt()
	}
}

// Finding is an error about a place of the job, such as one of Action.At, in
// the form of those that Parse gives. The zero Position means the job as a
// whole. The lines with values of environment variables are not shown.
func (j *Job) Finding(at Position, err error) *SyntaxError {
	if j.src == nil {
		return &SyntaxError{File: fmt.Sprintf("job %q", j.Name), Err: err}
	}
	p := j.src.problem(at, err)
	j.src.cursor().show(p)
	return p
}

func byPlace(a, b *SyntaxError) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// stop records the error that ended the reading of a document.
func (f *findings) stop(err error) {
	var halt *haltError
	if errors.As(err, &halt) {
		f.add(&f.errs, halt.at, halt.err)
		return
	}
	f.add(&f.errs, Position{}, err)
}

// haltError ends the reading of a document at a place: a syntax error or a limit.
type haltError struct {
	at  Position
	err error
}

func (e *haltError) Error() string { return e.err.Error() }

func haltf(at Position, format string, args ...any) error {
	return &haltError{at: at, err: fmt.Errorf(format, args...)}
}
