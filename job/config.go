package job

import (
	"errors"
	"slices"
	"strings"
)

// ConfigKey says how one key of a config file is read.
type ConfigKey struct {
	Name string
	// List: the value is a list of texts. Otherwise it is one text.
	List bool
	// Secret keeps the lines of the value out of excerpts.
	Secret bool
	// Check refuses a text, each one of a list; nil accepts all. Its error goes
	// into a finding, so that for a Secret it must not hold the text.
	Check func(text string) error
}

// ConfigEntry is one entry of a config file.
type ConfigEntry struct {
	Name string
	// At is where the key stands.
	At Position
	// Values are the texts of a list, else the one text. Numbers and booleans
	// are as they were written.
	Values []string
}

// ErrIsJob means that a config file is wanted and the document has workflows.
var ErrIsJob = errors.New("the file has workflows: it is a job")

// ParseConfig reads a flat config file: an object whose keys are the given
// ones. It goes by the rules of Parse, but keys that are not known are errors.
// Keys that begin with "x-", and "$schema", are for the author; a null counts
// as not given. Entries come in the order of the file.
//
// The error is a SyntaxErrors with everything that is wrong, or ErrIsJob.
// Values of unknown keys and of secret ones are not in it.
func ParseConfig(name string, data []byte, known []ConfigKey) ([]ConfigEntry, error) {
	root, found, err := read(name, data)
	if err != nil {
		return nil, withoutSnippets(err)
	}
	if root == nil {
		return nil, nil
	}
	if slices.ContainsFunc(root.fields, func(f field) bool { return f.key == "workflows" }) {
		return nil, ErrIsJob
	}
	d := &decoder{findings: found}
	entries := d.config(root, known)
	found.errs.found = append(found.errs.found, found.warnings.found...)
	found.warnings.found = nil
	if _, err := found.finish(); err != nil {
		return nil, err
	}
	return entries, nil
}

// withoutSnippets is for a document whose secret lines are not known, because
// it cannot be read.
func withoutSnippets(err error) error {
	var all SyntaxErrors
	if errors.As(err, &all) {
		for _, e := range all {
			e.Snippet = ""
		}
	}
	return err
}

func (d *decoder) config(root *node, known []ConfigKey) []ConfigEntry {
	var entries []ConfigEntry
	at := map[string]Position{}
	rules := []rule{{"$schema", func(*node) {}}}
	for _, k := range known {
		rules = append(rules, rule{k.Name, func(v *node) {
			if e := (ConfigEntry{k.Name, at[k.Name], d.configValue(v, k)}); v.kind != null {
				entries = append(entries, e)
			}
		}})
	}
	for _, f := range root.fields {
		at[f.key] = f.pos
		if strings.HasPrefix(f.key, "x-") {
			rules = append(rules, rule{f.key, func(*node) {}})
		}
		if open := slices.ContainsFunc(known, func(k ConfigKey) bool { return k.Name == f.key && !k.Secret }); !open {
			d.hideValues(f.value)
		}
	}
	if root.kind != null {
		d.object(root, "the file", nil, rules)
	}
	return entries
}

// configValue reads the value of one key.
func (d *decoder) configValue(n *node, k ConfigKey) []string {
	if !k.List {
		return []string{d.checked(n, k, k.Name)}
	}
	values := []string{}
	if d.isKind(n, listing, k.Name) {
		for _, item := range n.items {
			if item.kind == null {
				d.errorf(item.pos, "an entry of %s must not be null", k.Name)
			}
			values = append(values, d.checked(item, k, "an entry of "+k.Name))
		}
	}
	return values
}

func (d *decoder) checked(n *node, k ConfigKey, what string) string {
	s := d.text(n, what)
	if k.Check == nil || n.kind == null || !n.scalar() {
		return s
	}
	if err := k.Check(s); err != nil {
		d.errorf(n.pos, "%s: %w", k.Name, err)
	}
	return s
}
