package job

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is what a value of a document is. YAML and JSON come down to these.
type kind uint8

const (
	// invalid is a value with an error that was told already.
	invalid kind = iota
	null
	boolean
	number
	// notFinite is YAML's .inf and .nan, for which JSON has no value.
	notFinite
	text
	listing
	object
)

func (k kind) String() string {
	return [...]string{
		"an invalid value", "null", "true or false", "a number", "a number without an end", "text", "a list", "an object",
	}[k]
}

// node is a value of a document with its place. It is the same for both
// formats, with aliases and merge keys resolved; parts that are used more than
// once are shared, so nodes are never changed.
type node struct {
	kind kind
	// text is the scalar as it was written, quotes and escapes resolved.
	text   string
	pos    Position
	items  []*node
	fields []field
}

// field is one entry of an object.
type field struct {
	key   string
	pos   Position
	value *node
}

func (n *node) scalar() bool { return n.kind >= null && n.kind <= text }

// quote puts a piece of a document into a message: on one line and not long.
func quote(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most-1]) + "…"
	}
	return strconv.Quote(s)
}

// checkName says what is wrong with the name of something. Names stand in log
// lines, labels and identifiers of containers.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("must not be empty")
	case len(name) > MaxName:
		return fmt.Errorf("has %d bytes: at most %d are allowed", len(name), MaxName)
	case strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("must not hold control characters")
	}
	return nil
}
