package job

import "strings"

// decode reads the document. Keys that begin with "x-" are for the author,
// such as YAML anchors, and "$schema" is for editors. It reports whether the
// document is an object.
func (d *decoder) decode(root *node) bool {
	j := d.job
	ignore := func(*node) {}
	rules := []rule{
		{"name", func(v *node) { j.Name = d.name(v, "name") }},
		{"description", func(v *node) { j.Description = d.text(v, "description") }},
		{"current_workflow", func(v *node) { j.CurrentWorkflow = d.text(v, "current_workflow") }},
		{"current_step", func(v *node) { j.CurrentStep = d.text(v, "current_step") }},
		{"stop_on_failure", func(v *node) { j.StopOnFailure = d.flag(v, "stop_on_failure") }},
		{"correlation_id", func(v *node) { j.CorrelationID = d.name(v, "correlation_id") }},
		{"workflows", d.workflows},
		{"actions", d.actions},
		{"context", func(v *node) { j.Context = d.values(v, "context") }},
		{"$schema", ignore},
	}
	j.Workflows, j.Actions, j.Context = map[string]*Workflow{}, map[string]*Action{}, Values{}
	if root.kind == object {
		for _, f := range root.fields {
			if strings.HasPrefix(f.key, "x-") {
				d.hideValues(f.value)
				rules = append(rules, rule{f.key, ignore})
			}
		}
	}
	if root.kind == null {
		d.errorf(root.pos, "the job must be an object, not null")
	}
	readable := d.object(root, "the job", d.at, rules)
	if j.Context == nil {
		j.Context = Values{}
	}
	return readable
}

func (d *decoder) flag(n *node, what string) bool {
	return d.isKind(n, boolean, what) && (n.text[0] == 't' || n.text[0] == 'T')
}

func (d *decoder) values(n *node, what string) Values {
	if !d.isKind(n, object, what) {
		return nil
	}
	return d.valuesOf(n)
}

// named reads an object whose keys are names of parts. It reports whether n is
// one, or null.
func (d *decoder) named(n *node, what, part string, read func(f field)) bool {
	if !d.isKind(n, object, what) {
		return n.kind == null
	}
	for _, f := range n.fields {
		if err := checkName(f.key); err != nil {
			d.errorf(f.pos, "the name of a %s %w", part, err)
		}
		read(f)
	}
	return true
}

func (d *decoder) workflows(n *node) {
	d.named(n, "workflows", "workflow", func(f field) {
		wf := &Workflow{Name: f.key, Steps: map[string]*Step{}, Pos: f.pos}
		d.job.Workflows[f.key] = wf
		readable := d.named(f.value, "workflow "+quote(f.key), "step", func(f field) {
			wf.Steps[f.key] = d.step(f)
			wf.Order = append(wf.Order, f.key)
		})
		if !readable {
			d.broken[f.key] = true
		}
	})
}

func (d *decoder) step(f field) *Step {
	s := &Step{Name: f.key, Next: map[Outcome]string{}, Pos: f.pos, At: map[string]Position{}}
	what := "step " + quote(f.key)
	rules := []rule{
		{"action", func(v *node) { s.Action = d.text(v, "action of "+what) }},
		{"duration", func(v *node) { d.duration(s, v, what) }},
	}
	for _, o := range Outcomes() {
		rules = append(rules, rule{string(o), func(v *node) {
			if target := d.text(v, string(o)+" of "+what); target != "" {
				s.Next[o] = target
			}
		}})
	}
	readable := d.object(f.value, what, s.At, rules)
	if s.Action == "" && (readable || f.value.kind == null) && !d.isBroken(f.value, "action") {
		d.errorf(f.pos, "%s has no action", what)
	}
	return s
}

// isBroken reports whether a field of n is there and had to be refused.
func (d *decoder) isBroken(n *node, key string) bool {
	for _, f := range n.fields {
		if f.key == key {
			return f.value.kind == invalid || !f.value.scalar()
		}
	}
	return false
}

func (d *decoder) duration(s *Step, n *node, what string) {
	written := d.text(n, "duration of "+what)
	if written == "" {
		return
	}
	var err error
	if s.Duration, err = ParseDuration(written); err != nil {
		d.errorf(n.pos, "%s: %w", what, err)
	}
}
