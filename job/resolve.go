package job

import "go.yaml.in/yaml/v4"

// maxText is how many bytes of text a document may hold, aliases written out.
// An escape in YAML is shorter than what it stands for, so this is more than
// MaxBytes.
const maxText = 2 * MaxBytes

// resolve makes a node of ours. depth counts the lists and objects around it.
// The error ends the reading; other findings are collected.
func (r *yamlReader) resolve(y *yaml.Node, depth int) (*measured, error) {
	at := Position{y.Line, y.Column}
	if y.Kind == yaml.AliasNode {
		return r.alias(y, depth)
	}
	if err := r.count(at, 1); err != nil {
		return nil, err
	}
	if y.Anchor != "" {
		r.anchored[y] = nil
	}
	n := &measured{node: &node{pos: at}, size: 1}
	var err error
	switch {
	case y.Kind == yaml.ScalarNode:
		r.scalar(n, y)
	case depth == MaxDepth:
		err = &haltError{at, errDepth}
	case y.Kind == yaml.SequenceNode:
		err = r.sequence(n, y, depth+1)
	default:
		err = r.mapping(n, y, depth+1)
	}
	if err != nil {
		return nil, err
	}
	if y.Anchor != "" {
		r.anchored[y] = n
	}
	return n, nil
}

func (r *yamlReader) alias(y *yaml.Node, depth int) (*measured, error) {
	at := Position{y.Line, y.Column}
	n := r.anchored[y.Alias]
	switch {
	case n == nil:
		return nil, haltf(at, "alias %s stands inside of what it refers to", quote("*"+y.Value))
	case depth+n.height > MaxDepth:
		return nil, &haltError{at, errDepth}
	}
	return n, nil
}

func (r *yamlReader) count(at Position, n int) error {
	if r.made += n; r.made > MaxNodes {
		return haltf(at, "the document has more than %d values", MaxNodes)
	}
	return nil
}

// include adds the extent of a part to that of the whole.
func (r *yamlReader) include(whole, part *measured, at Position) error {
	whole.size += part.size
	whole.bytes += part.bytes
	whole.height = max(whole.height, part.height)
	switch {
	case whole.size > MaxNodes:
		return haltf(at, "the document has more than %d values once its aliases are written out", MaxNodes)
	case whole.bytes > maxText:
		return haltf(at, "the document has more than %d bytes of text once its aliases are written out", maxText)
	}
	return nil
}

func (r *yamlReader) scalar(n *measured, y *yaml.Node) {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	n.text, n.bytes = y.Value, len(y.Value)
	switch {
	case y.Style&yaml.TaggedStyle != 0 || y.Tag == "!":
		k, err := tagged(y.Tag, y.Value)
		if err != nil {
			r.found.errorf(n.pos, "%w", err)
		}
		n.kind = k
	case y.Style&quoted != 0:
		n.kind = text
	default:
		n.kind = plainKind(y.Value)
	}
}

func (r *yamlReader) sequence(n *measured, y *yaml.Node, depth int) error {
	n.kind = listing
	r.checkTag(y, "!!seq")
	n.items = make([]*node, 0, len(y.Content))
	for _, child := range y.Content {
		item, err := r.resolve(child, depth)
		if err != nil {
			return err
		}
		if err := r.include(n, item, Position{child.Line, child.Column}); err != nil {
			return err
		}
		n.items = append(n.items, item.node)
	}
	n.height++
	return nil
}

func (r *yamlReader) checkTag(y *yaml.Node, allowed string) {
	if (y.Style&yaml.TaggedStyle != 0 || y.Tag == "!") && y.Tag != allowed && y.Tag != "!" {
		r.found.errorf(Position{y.Line, y.Column}, "%w", errTag)
	}
}

func (r *yamlReader) mapping(n *measured, y *yaml.Node, depth int) error {
	n.kind = object
	r.checkTag(y, "!!map")
	names := newKeys(r.found, len(y.Content)/2)
	var merged []*measured
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		value, err := r.resolve(v, depth)
		if err != nil {
			return err
		}
		key, err := r.resolve(k, depth)
		if err != nil {
			return err
		}
		r.made-- // A key is not a value.
		at := Position{k.Line, k.Column}
		isMerge := k.Kind == yaml.ScalarNode && k.Tag == "!!merge"
		switch {
		case isMerge && names.add("<<", at):
			merged = append(merged, value)
		case isMerge || key.kind == invalid:
		case !key.scalar():
			r.found.errorf(at, "a key must be text, not %s", key.kind)
		case key.kind == null:
			r.found.errorf(at, "a key must not be null: put it into quotes")
		case names.add(key.text, at):
			n.bytes += key.bytes
			if err := r.include(n, value, at); err != nil {
				return err
			}
			n.fields = append(n.fields, field{key.text, at, value.node})
		}
	}
	for _, source := range merged {
		if err := r.merge(n, names, source); err != nil {
			return err
		}
	}
	n.height++
	return nil
}
