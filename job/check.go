package job

import (
	"cmp"
	"slices"
	"strings"
)

// check looks at what the parts of a job say about each other.
func (d *decoder) check(root Position) {
	j := d.job
	if j.Name == "" && !d.told("name") {
		d.errorf(cmp.Or(d.at["name"], root), "the job has no name")
	}
	if d.told("workflows") {
		return
	}
	if len(j.Workflows) == 0 {
		d.errorf(cmp.Or(d.at["workflows"], root), "the job has no workflows")
		return
	}
	d.checkStart(root)
	actions, unreadable := keys(j.Actions), d.told("actions")
	for _, name := range keys(j.Workflows) {
		wf := j.Workflows[name]
		for _, step := range wf.Order {
			d.checkTargets(wf, wf.Steps[step])
			if !unreadable {
				d.checkAction(wf.Steps[step], actions)
			}
		}
	}
}

// told reports whether there is an error at a value of the job itself.
func (d *decoder) told(key string) bool {
	at, ok := d.at[key]
	return ok && slices.ContainsFunc(d.errs.found, func(p *SyntaxError) bool {
		return p.Line == at.Line && p.Column == at.Column
	})
}

// checkStart fills in where the job begins and checks that it is there.
func (d *decoder) checkStart(root Position) {
	j := d.job
	if d.told("current_workflow") || d.told("current_step") {
		return
	}
	j.CurrentStep = cmp.Or(j.CurrentStep, DefaultStep)
	names := keys(j.Workflows)
	if j.CurrentWorkflow == "" {
		j.CurrentWorkflow = DefaultWorkflow
		if len(names) == 1 {
			j.CurrentWorkflow = names[0]
		}
		if j.Workflows[j.CurrentWorkflow] == nil {
			d.errorf(cmp.Or(d.at["workflows"], root), "current_workflow is missing: "+
				"there is no workflow %q and more than one other (%s)", DefaultWorkflow, some(names))
			return
		}
	}
	wf, ok := j.Workflows[j.CurrentWorkflow]
	if !ok {
		d.errorf(d.at["current_workflow"], "current_workflow %s is not one of the workflows (%s)%s",
			quote(j.CurrentWorkflow), some(names), suggest(j.CurrentWorkflow, names))
		return
	}
	if wf.Steps[j.CurrentStep] == nil && !d.broken[wf.Name] {
		at := wf.Pos
		if written := d.at["current_step"]; written != (Position{}) {
			at = written
		}
		d.errorf(at, "workflow %s has no step %s to start with%s",
			quote(wf.Name), quote(j.CurrentStep), suggest(j.CurrentStep, wf.Order))
	}
}

// some lists names, not too many.
func some(names []string) string {
	const most = 5
	list := make([]string, 0, most)
	for _, name := range names[:min(len(names), most)] {
		list = append(list, quote(name))
	}
	if len(names) > most {
		list = append(list, "...")
	}
	return strings.Join(list, ", ")
}

// checkTargets checks that each outcome leads to a step. "nil" is no mapping
// unless a step has that name.
func (d *decoder) checkTargets(wf *Workflow, s *Step) {
	for _, o := range Outcomes() {
		target, ok := s.Next[o]
		if !ok || wf.Steps[target] != nil {
			continue
		}
		if target == "nil" {
			delete(s.Next, o)
			continue
		}
		d.errorf(s.At[string(o)], "%s of step %s leads to step %s, which is not in workflow %s%s",
			o, quote(s.Name), quote(target), quote(wf.Name), suggest(target, wf.Order))
	}
}

func (d *decoder) checkAction(s *Step, actions []string) {
	if s.Action == "" || d.job.Actions[s.Action] != nil {
		return
	}
	d.warnf(s.At["action"], "step %s runs action %s, which is not defined%s: the step will end with outcome abort",
		quote(s.Name), quote(s.Action), suggest(s.Action, actions))
}
