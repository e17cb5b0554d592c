package job

import (
	"strconv"
	"strings"
)

func (d *decoder) actions(n *node) {
	d.named(n, "actions", "action", func(f field) { d.job.Actions[f.key] = d.action(f) })
}

func (d *decoder) action(f field) *Action {
	a := &Action{Name: f.key, Pos: f.pos, At: map[string]Position{}}
	what := "action " + quote(f.key)
	readable := d.object(f.value, what, a.At, append([]rule{
		{"image", func(v *node) { a.Image = d.text(v, "image of "+what) }},
		{"version", func(v *node) { a.Version = d.name(v, "version of "+what) }},
		{"env", func(v *node) { a.Env = d.env(v, "env of "+what) }},
		{"requirements", func(v *node) { d.requirements(a, v, what) }},
		{"output", func(v *node) { d.output(a, v, what) }},
	}, d.settings(a, what)...))
	d.checkSettings(a)
	if a.Image == "" && (readable || f.value.kind == null) && !d.isBroken(f.value, "image") {
		d.errorf(f.pos, "%s has no image", what)
	}
	return a
}

func (d *decoder) requirements(a *Action, n *node, what string) {
	list := func(v *node, key string) []string {
		key = "requirements." + key
		return d.texts(v, key+" of "+what, func(i int, at Position) { a.At[key+"."+strconv.Itoa(i)] = at })
	}
	d.object(n, "requirements of "+what, nil, []rule{
		{"env", func(v *node) { a.Requirements.Env = list(v, "env") }},
		{"context_paths", func(v *node) { a.Requirements.ContextPaths = list(v, "context_paths") }},
	})
}

func (d *decoder) output(a *Action, n *node, what string) {
	if isNil(n) {
		return
	}
	d.object(n, "output of "+what, nil, []rule{
		{"context", func(v *node) {
			a.At["output.context"] = v.pos
			if isNil(v) {
				return
			}
			if values := d.values(v, "output.context of "+what); len(values) > 0 {
				a.Output.Context, _ = withoutNil(map[string]any(values)).(map[string]any)
			}
		}},
	})
}

// isNil recognises the word nil, which is text in YAML.
func isNil(n *node) bool { return n.kind == text && n.text == "nil" }

// withoutNil makes null of the text "nil", in place. Job files write nil for
// values that are not known before the run.
func withoutNil(v any) any {
	switch v := v.(type) {
	case string:
		if v == "nil" {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = withoutNil(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = withoutNil(v[key])
		}
	}
	return v
}

// env reads environment variables. Their values are in no finding.
func (d *decoder) env(n *node, what string) map[string]string {
	d.hideValues(n)
	if !d.isKind(n, object, what) || len(n.fields) == 0 {
		return nil
	}
	env := make(map[string]string, len(n.fields))
	for _, f := range n.fields {
		value := d.text(f.value, quote(f.key)+" in "+what)
		switch {
		case f.key == "" || strings.ContainsAny(f.key, "=\x00"):
			d.errorf(f.pos, "%s: %s cannot be the name of an environment variable", what, quote(f.key))
		case strings.Contains(value, "\x00"):
			d.errorf(f.value.pos, "%s: the value of %s holds a NUL character", what, quote(f.key))
		}
		env[f.key] = value
	}
	return env
}
