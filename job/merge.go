package job

// merge lays the fields of a "<<" under those of an object: what the object
// has itself wins, then what comes first.
//
// Source of the rule: yaml.org/type/merge.html.
func (r *yamlReader) merge(n *measured, names *keySet, source *measured) error {
	sources := []*node{source.node}
	if source.kind == listing {
		sources = source.items
	}
	// The whole source counts, also what is overridden: simple and safe.
	if err := r.include(n, source, source.pos); err != nil {
		return err
	}
	for _, s := range sources {
		if s.kind != object {
			r.found.src.hide(s.pos.Line, s.pos.Line) // It may stand in an env.
			r.found.errorf(source.pos, "a merge key (<<) wants an object or a list of objects, not %s", s.kind)
			return nil
		}
		if err := r.count(s.pos, len(s.fields)); err != nil {
			return err
		}
		for _, f := range s.fields {
			if !names.has(f.key) {
				names.seen[f.key] = f.pos
				n.fields = append(n.fields, f)
			}
		}
	}
	return nil
}

// keySet finds the keys that an object has twice.
type keySet struct {
	found *findings
	seen  map[string]Position
}

func newKeys(found *findings, n int) *keySet {
	return &keySet{found, make(map[string]Position, n)}
}

func (k *keySet) has(key string) bool { _, ok := k.seen[key]; return ok }

// add reports whether the key is new; one that is not gives an error.
func (k *keySet) add(key string, at Position) bool {
	first, ok := k.seen[key]
	if ok {
		k.found.errorf(at, "duplicate key %s: it stands at line %d, column %d already", quote(key), first.Line, first.Column)
		return false
	}
	k.seen[key] = at
	return true
}
