package job

// Parse reads a job file: JSON when its first character is "{", YAML
// otherwise, whatever its name. name stands in front of every finding.
//
// The error is a SyntaxErrors with everything that keeps the job from running,
// in the order of the file. What is only doubtful is in the job's Warnings.
// Values of environment variables are in neither.
//
// Memory and time are bounded by MaxBytes, MaxDepth and MaxNodes, whatever the
// bytes are. docs/job-file.md is the reference of the format.
func Parse(name string, data []byte) (*Job, error) {
	j, _, err := parse(name, data)
	return j, err
}

// Check finds what Parse finds and gives the warnings also when there are
// errors, for tools that show both. The error is that of Parse.
func Check(name string, data []byte) (warnings []*SyntaxError, err error) {
	_, warnings, err = parse(name, data)
	return warnings, err
}

func parse(name string, data []byte) (*Job, []*SyntaxError, error) {
	root, found, err := read(name, data)
	if err != nil {
		return nil, nil, err
	}
	d := &decoder{findings: found, job: &Job{src: found.src}, at: map[string]Position{}, broken: map[string]bool{}}
	if root == nil {
		d.errorf(Position{Line: 1, Column: 1}, "the file is empty: a job has a name and workflows")
	} else if d.decode(root) {
		d.check(root.pos)
	}
	d.job.Warnings, err = found.finish()
	if err != nil {
		return nil, d.job.Warnings, err
	}
	return d.job, d.job.Warnings, nil
}

// ParseContext reads a context file, under the same rules as Parse. The
// document must be an object; an empty one and null give no values. The result
// is never nil without an error.
func ParseContext(name string, data []byte) (Values, error) {
	root, found, err := read(name, data)
	if err != nil {
		return nil, err
	}
	values := Values{}
	switch {
	case root == nil || root.kind == null:
	case root.kind == object:
		values = found.valuesOf(root)
	case root.kind != invalid:
		found.errorf(root.pos, "a context must be an object, not %s", root.kind)
	}
	if _, err := found.finish(); err != nil {
		return nil, err
	}
	return values, nil
}

// read makes nodes of a document, nil when it is empty. The error is a
// SyntaxErrors: there is nothing to go on with.
func read(name string, data []byte) (*node, *findings, error) {
	src, problem := newSource(name, data)
	if problem != nil {
		return nil, nil, SyntaxErrors{problem}
	}
	found := &findings{src: src}
	reader := readJSON
	if src.yaml {
		reader = readYAML
	}
	root, err := reader(found)
	if err != nil {
		found.stop(err)
		_, err = found.finish()
		return nil, nil, err
	}
	return root, found, nil
}
