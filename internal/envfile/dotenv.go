package envfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Parse reads a dotenv document as Docker Compose does:
//
//	# comment
//	NAME=value # comment after a blank
//	export NAME=value
//	NAME: value
//	NAME="several lines, \n \t \" \\ \$ escapes, $OTHER, ${OTHER:-default}"
//	NAME='everything as it stands, several lines too'
//	NAME
//
// NAME alone takes the variable over from lookup, and is left out when that
// has none. $NAME and ${NAME} in a value that is not in single quotes stand
// for what lookup has, else for a variable further up in the document;
// ${NAME:-default}, ${NAME-default}, ${NAME:+other}, ${NAME+other} and
// ${NAME:?message}, ${NAME?message} are those of the shell, and $$ is a dollar
// sign. Later lines win over earlier ones. The document is UTF-8, a byte order
// mark and CR LF are accepted.
//
// Where Compose goes on quietly, Parse refuses: a reference to a variable that
// is not set, an empty name, text behind a closing quote, a NUL byte.
//
// Every error is a *SyntaxError; name stands in it for the document. Source of
// the format: Docker docs, "Set environment variables within your container's
// environment, Env file syntax".
func Parse(name string, data []byte, lookup Lookup) (map[string]string, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if err := checkBytes(name, data); err != nil {
		return nil, err
	}
	p := &parser{
		rest: strings.ReplaceAll(string(data), "\r\n", "\n"), line: 1,
		vars: variables{lookup: lookup, env: map[string]string{}},
	}
	for p.skipBlank() {
		at := p.line
		if err := p.statement(); err != nil {
			return nil, &SyntaxError{File: name, Line: at, Err: err}
		}
	}
	return p.vars.env, nil
}

// checkBytes refuses what is not text.
func checkBytes(name string, data []byte) error {
	line := 1
	for text := range bytes.Lines(data) {
		switch {
		case !utf8.Valid(text):
			return &SyntaxError{File: name, Line: line, Err: errors.New("not UTF-8")}
		case bytes.IndexByte(text, 0) >= 0:
			return &SyntaxError{File: name, Line: line, Err: errors.New("a NUL byte")}
		}
		line++
	}
	return nil
}

// SyntaxError is what is wrong with a dotenv document. Line is where the
// statement begins, from 1.
type SyntaxError struct {
	File string
	Line int
	Err  error
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }

func (e *SyntaxError) Unwrap() error { return e.Err }

type parser struct {
	rest string
	line int
	vars variables
}

// take cuts n bytes off the rest, counting lines.
func (p *parser) take(n int) string {
	taken := p.rest[:n]
	p.line += strings.Count(taken, "\n")
	p.rest = p.rest[n:]
	return taken
}

// takeLine cuts off what remains of the line, without its end.
func (p *parser) takeLine() string { return p.take(len(p.restOfLine())) }

func (p *parser) restOfLine() string {
	line, _, _ := strings.Cut(p.rest, "\n")
	return line
}

// skip cuts off the runes at the beginning for which is holds.
func (p *parser) skip(is func(rune) bool) string {
	return p.take(len(p.rest) - len(strings.TrimLeftFunc(p.rest, is)))
}

// skipBlank goes to the next statement; false means there is none.
func (p *parser) skipBlank() bool {
	for {
		p.skip(unicode.IsSpace)
		if !strings.HasPrefix(p.rest, "#") {
			return p.rest != ""
		}
		p.takeLine()
	}
}

func (p *parser) statement() error {
	if after, ok := strings.CutPrefix(p.restOfLine(), "export"); ok && after != strings.TrimLeftFunc(after, isBlank) {
		p.take(len("export"))
		p.skip(isBlank)
	}
	name := p.skip(isName)
	p.skip(isBlank)
	switch after := p.restOfLine(); {
	case after == "" && name != "":
		if value, ok := p.vars.lookup(name); ok {
			p.vars.env[name] = value
		}
		return nil
	case after == "" || (after[0] != '=' && after[0] != ':'):
		return errors.New("want NAME=VALUE, where NAME has letters, digits and _ . - [ ] only")
	case name == "":
		return errors.New("the name before = is empty")
	}
	p.take(1)
	p.skip(isBlank)
	value, err := p.value()
	if err != nil {
		return fmt.Errorf("variable %s: %w", name, err)
	}
	p.vars.env[name] = value
	return nil
}

func isName(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || strings.ContainsRune("_.-[]", r)
}

func isBlank(r rune) bool { return r != '\n' && unicode.IsSpace(r) }

// value reads the value behind the equals sign.
func (p *parser) value() (string, error) {
	if p.rest != "" && (p.rest[0] == '"' || p.rest[0] == '\'') {
		return p.quoted()
	}
	text, _, _ := strings.Cut(p.takeLine(), " #")
	return p.vars.expand(strings.TrimRightFunc(text, unicode.IsSpace))
}

// quoted reads a value in quotes. In double quotes a backslash escapes; in
// single quotes it escapes the quote only.
func (p *parser) quoted() (string, error) {
	quote, end := p.rest[0], 1
	for end < len(p.rest) && p.rest[end] != quote {
		if p.rest[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(p.rest) {
		return "", fmt.Errorf("no closing %c", quote)
	}
	text := p.take(end + 1)
	text = text[1 : len(text)-1]
	if after := strings.TrimSpace(p.takeLine()); after != "" && after[0] != '#' {
		return "", errors.New("text behind the closing quote")
	}
	if quote == '\'' {
		return strings.ReplaceAll(text, `\'`, `'`), nil
	}
	return p.vars.expand(unescape(text))
}
