package job

import "strings"

// decoder turns nodes into a Job.
type decoder struct {
	*findings
	job *Job
	// at holds the places of the job's own values, by key.
	at map[string]Position
	// broken holds the workflows that cannot be read. Nothing is said about
	// what is missing in them.
	broken map[string]bool
}

// rule says how one key of an object is read.
type rule struct {
	key  string
	read func(v *node)
}

// object reads the fields of an object by rules. Keys without a rule are
// warnings, and so nothing is lost by a newer file. at, unless nil, is told
// the place of each value. It reports whether n is an object.
func (d *decoder) object(n *node, what string, at map[string]Position, rules []rule) bool {
	if !d.isKind(n, object, what) {
		return false
	}
	for _, f := range n.fields {
		r := findRule(rules, f.key)
		if r == nil {
			d.unknown(f, what, rules)
			continue
		}
		if at != nil {
			at[f.key] = f.value.pos
		}
		if f.value.kind != invalid {
			r(f.value)
		}
	}
	return true
}

func findRule(rules []rule, key string) func(*node) {
	for _, r := range rules {
		if r.key == key {
			return r.read
		}
	}
	return nil
}

func (d *decoder) unknown(f field, what string, rules []rule) {
	if f.value.kind == object || f.value.kind == listing {
		// It may be a misspelt env.
		d.hideValues(f.value)
	}
	known := make([]string, 0, len(rules))
	for _, r := range rules {
		if !strings.HasPrefix(r.key, "$") {
			known = append(known, r.key)
		}
	}
	d.warnf(f.pos, "unknown key %s in %s%s", quote(f.key), what, suggest(f.key, known))
}

// isKind checks what a value is. null counts as a value that is not given: no
// error, and not of the kind.
func (d *decoder) isKind(n *node, want kind, what string) bool {
	if n.kind != want && n.kind != null && n.kind != invalid {
		d.errorf(n.pos, "%s must be %s, not %s", what, want, n.kind)
	}
	return n.kind == want
}

// text reads text. Numbers and booleans count as what was written; null is
// empty text.
func (d *decoder) text(n *node, what string) string {
	switch {
	case n.kind == null:
		return ""
	case !n.scalar():
		d.isKind(n, text, what)
		return ""
	}
	return n.text
}

// texts reads a list of texts, none of which is empty.
func (d *decoder) texts(n *node, what string, each func(i int, at Position)) []string {
	if !d.isKind(n, listing, what) {
		return nil
	}
	var list []string
	for _, item := range n.items {
		s := d.text(item, "an entry of "+what)
		switch {
		case s != "":
			each(len(list), item.pos)
			list = append(list, s)
		case item.kind == null || item.kind == text:
			d.errorf(item.pos, "an entry of %s must not be empty", what)
		}
	}
	return list
}

// name reads text that stands on one line.
func (d *decoder) name(n *node, what string) string {
	s := d.text(n, what)
	if s == "" {
		return ""
	}
	if err := checkName(s); err != nil {
		d.errorf(n.pos, "%s %w", what, err)
	}
	return s
}

// hideValues keeps the lines of all values in n out of excerpts.
func (d *decoder) hideValues(n *node) {
	if n.scalar() || n.kind == invalid {
		d.src.hide(n.pos.Line, n.pos.Line+strings.Count(n.text, "\n"))
	}
	for _, item := range n.items {
		d.hideValues(item)
	}
	for _, f := range n.fields {
		d.hideValues(f.value)
	}
}
