package job

// valuesOf turns an object into the values of a context.
func (f *findings) valuesOf(n *node) Values {
	v, _ := f.value(n).(map[string]any)
	return v
}

// value turns a node into what Values hold. What a context cannot hold is an
// error.
func (f *findings) value(n *node) any {
	switch n.kind {
	case boolean:
		return n.text[0] == 't' || n.text[0] == 'T'
	case number:
		num, err := exactNumber(n.text)
		if err != nil {
			f.errorf(n.pos, "%w", err)
			return nil
		}
		return num
	case notFinite:
		f.errorf(n.pos, "%s is not a number that can stand here: JSON has none for it", n.text)
	case text:
		return n.text
	case listing:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = f.value(item)
		}
		return list
	case object:
		values := make(map[string]any, len(n.fields))
		for _, field := range n.fields {
			values[field.key] = f.value(field.value)
		}
		return values
	}
	return nil
}
