package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// jsonReader turns JSON tokens into nodes with their places.
type jsonReader struct {
	found *findings
	dec   *json.Decoder
	at    *cursor
	made  int
	// env counts the objects named env around the current value.
	env int
}

func readJSON(found *findings) (*node, error) {
	dec := json.NewDecoder(bytes.NewReader(found.src.data))
	dec.UseNumber()
	r := &jsonReader{found: found, dec: dec, at: found.src.cursor()}
	root, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return root, nil
}

// token reads the next token and says where it stands.
func (r *jsonReader) token() (json.Token, Position, error) {
	at := r.next()
	tok, err := r.dec.Token()
	if err != nil {
		return nil, at, r.syntaxError(err)
	}
	return tok, at, nil
}

// next is where the next token begins.
func (r *jsonReader) next() Position {
	rest := r.found.src.data[r.dec.InputOffset():]
	return r.at.toOffset(len(r.found.src.data) - len(bytes.TrimLeft(rest, " \t\r\n,:")))
}

// end checks that nothing follows the document.
func (r *jsonReader) end() error {
	at := r.next()
	switch _, err := r.dec.Token(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return r.syntaxError(err)
	}
	return haltf(at, "a second JSON value begins here: a file holds one")
}

// syntaxError gives an error its place. The token reader counts from the start
// of a value, the check of a whole document from the start of it.
func (r *jsonReader) syntaxError(err error) error {
	data := r.found.src.data
	offset := int(r.dec.InputOffset())
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err, offset = errors.New("the file ends too early"), len(data)
	case errors.As(json.Unmarshal(data, new(json.RawMessage)), &syntax):
		err, offset = syntax, int(syntax.Offset)-1
	}
	at := r.found.src.cursor().toOffset(offset)
	if r.env > 0 {
		r.found.src.hide(at.Line, at.Line)
		return haltf(at, "invalid JSON in an env object (values are not shown)")
	}
	hint := ""
	if name := strings.ToLower(r.found.src.name); strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
		hint = ` (a file that begins with "{" is read as JSON)`
	}
	return haltf(at, "invalid JSON%s: %w", hint, err)
}

// value reads one value. depth counts the lists and objects around it.
func (r *jsonReader) value(depth int) (*node, error) {
	tok, at, err := r.token()
	if err != nil {
		return nil, err
	}
	return r.from(tok, at, depth)
}

func (r *jsonReader) from(tok json.Token, at Position, depth int) (*node, error) {
	if r.made++; r.made > MaxNodes {
		return nil, haltf(at, "the document has more than %d values", MaxNodes)
	}
	n := &node{pos: at}
	if r.env > 0 {
		r.found.src.hide(at.Line, at.Line)
	}
	switch tok := tok.(type) {
	case nil:
		n.kind, n.text = null, "null"
	case bool:
		n.kind, n.text = boolean, fmt.Sprint(tok)
	case json.Number:
		n.kind, n.text = number, tok.String()
	case string:
		n.kind, n.text = text, tok
	case json.Delim:
		if depth == MaxDepth {
			return nil, &haltError{at, errDepth}
		}
		if tok == '[' {
			n.kind = listing
			return n, r.array(n, depth+1)
		}
		n.kind = object
		return n, r.object(n, depth+1)
	}
	return n, nil
}

func (r *jsonReader) array(n *node, depth int) error {
	for {
		tok, at, err := r.token()
		if err != nil {
			return err
		}
		if tok == json.Delim(']') {
			return nil
		}
		item, err := r.from(tok, at, depth)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
}

func (r *jsonReader) object(n *node, depth int) error {
	names := newKeys(r.found, 0)
	for {
		tok, at, err := r.token()
		if err != nil {
			return err
		}
		key, ok := tok.(string)
		if !ok {
			return nil
		}
		if key == "env" {
			r.env++
		}
		value, err := r.value(depth)
		if err != nil {
			return err
		}
		if key == "env" {
			r.env--
		}
		if names.add(key, at) {
			n.fields = append(n.fields, field{key, at, value})
		}
	}
}
