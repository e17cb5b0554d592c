package envfile

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// errUnset does not name the variable: in pa$word it would be a part of a
// password.
var errUnset = errors.New("it refers to a variable that is not set; for a dollar sign write $$, or put the value in single quotes")

// maxDepth is how deep references may be nested in each other.
const maxDepth = 20

// variables are what references stand for.
type variables struct {
	lookup Lookup
	env    map[string]string
}

func (v variables) get(name string) (string, bool) {
	if value, ok := v.lookup(name); ok {
		return value, true
	}
	value, ok := v.env[name]
	return value, ok
}

// expand puts values for the references in text.
func (v variables) expand(text string) (string, error) { return v.expandTo(text, maxDepth) }

var (
	plainReference  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*`) })
	bracedReference = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?s)^([A-Za-z_][A-Za-z0-9_]*)(:?[-+?])?(.*)$`) })
)

func (v variables) expandTo(text string, depth int) (string, error) {
	if depth == 0 {
		return "", errors.New("references are nested too deep")
	}
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		value, rest, err := v.reference(after, depth)
		if err != nil {
			return "", err
		}
		out.WriteString(value)
		text = rest
	}
}

// reference gives what the reference at the beginning of text stands for, and
// what follows it. The dollar sign before text has been read.
func (v variables) reference(text string, depth int) (value, rest string, err error) {
	if rest, ok := strings.CutPrefix(text, "$"); ok {
		return "$", rest, nil
	}
	if strings.HasPrefix(text, "{") {
		end := closingBrace(text)
		if end < 0 {
			return "", "", errors.New("${ without }")
		}
		value, err := v.braced(text[1:end], depth)
		return value, text[end+1:], err
	}
	name := plainReference().FindString(text)
	if name == "" {
		return "$", text, nil
	}
	value, ok := v.get(name)
	if !ok {
		return "", "", errUnset
	}
	return value, text[len(name):], nil
}

// closingBrace finds the brace that closes the one at the beginning of text.
func closingBrace(text string) int {
	open := 0
	for i := range len(text) {
		switch {
		case text[i] == '{' && (i == 0 || text[i-1] == '$'):
			open++
		case text[i] == '}':
			if open--; open == 0 {
				return i
			}
		}
	}
	return -1
}

// braced gives the value of NAME, or NAME with one of the operators of the
// shell.
// Source of the rule: POSIX.1-2017, Shell Command Language, 2.6.2.
func (v variables) braced(text string, depth int) (string, error) {
	m := bracedReference().FindStringSubmatch(text)
	if m == nil || (m[2] == "" && m[3] != "") {
		return "", errors.New("want a name, or a name and one of :- - :+ + :? ?, between ${ and }")
	}
	value, set := v.get(m[1])
	if strings.HasPrefix(m[2], ":") && value == "" {
		set = false
	}
	switch operator := strings.TrimPrefix(m[2], ":"); {
	case operator == "+" && !set:
		return "", nil
	case operator == "+", operator == "-" && !set:
		return v.expandTo(m[3], depth-1)
	case operator == "?" && !set:
		return "", fmt.Errorf("it needs a variable that is not set or empty: %s", m[3])
	case !set:
		return "", errUnset
	}
	return value, nil
}

var escape = regexp.MustCompile(`\\(?:[abfnrtv$"\\]|0[0-3][0-7]{2})`)

// unescape replaces the escapes of double quotes. An escaped dollar sign
// becomes a doubled one, which expand reads.
func unescape(text string) string {
	return escape.ReplaceAllStringFunc(text, func(match string) string {
		if match == `\$` {
			return "$$"
		}
		if strings.HasPrefix(match, `\0`) {
			match = `\` + match[2:]
		}
		r, _, _, err := strconv.UnquoteChar(match, '"')
		if err != nil {
			return match
		}
		return string(r)
	})
}
