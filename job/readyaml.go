package job

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
)

// yamlReader turns the nodes of the YAML library into ours: aliases and merge
// keys resolved, duplicates found, limits held.
type yamlReader struct {
	found *findings
	// anchored holds the finished nodes with an anchor, nil for one that is
	// being read.
	anchored map[*yaml.Node]*measured
	// made counts the nodes and merged fields that were made.
	made int
}

// measured is a node with its extent, aliases written out: how many values and
// bytes of text it holds, and how many levels of lists and objects.
type measured struct {
	*node
	size, bytes, height int
}

// readYAML reads the one document of a YAML file; nil when it is empty.
func readYAML(found *findings) (*node, error) {
	if err := countMarks(found.src); err != nil {
		return nil, err
	}
	depth := &depthLimit{}
	loader, err := yaml.NewLoader(bytes.NewReader(withoutVersion(found.src.data)), yaml.WithPlugin(depth))
	if err != nil {
		return nil, fmt.Errorf("set up the YAML parser: %w", err)
	}
	var doc, second yaml.Node
	err = loader.Load(&doc)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, yamlError(found.src, depth, err)
	}
	if err := loader.Load(&second); err == nil {
		return nil, haltf(Position{second.Line, second.Column}, "a second YAML document begins here: a file holds one")
	} else if !errors.Is(err, io.EOF) {
		return nil, yamlError(found.src, depth, err)
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	r := &yamlReader{found: found, anchored: map[*yaml.Node]*measured{}}
	root, err := r.resolve(doc.Content[0], 0)
	if err != nil {
		return nil, err
	}
	return root.node, nil
}

// withoutVersion makes a comment of a version directive that the library, which
// knows "%YAML 1.1" only, would refuse.
func withoutVersion(data []byte) []byte {
	if !bytes.HasPrefix(data, []byte("%YAML 1.2")) {
		return data
	}
	return append([]byte("#"), data[1:]...)
}

// maxMarks limits the parts that the YAML library may make out of a file, each
// of which takes far more memory than its text.
const maxMarks = MaxNodes

// countMarks bounds the tokens and nodes of a file before the library makes
// them. Each begins after one of these characters, two after a comma. The same
// characters in text count too: that is the price of not parsing twice.
func countMarks(src *source) error {
	at := src.cursor()
	count, before := 0, byte('\n')
	for i, c := range src.data {
		switch c {
		case ',':
			count += 2
		case ':', '[', '{', '\n', '\r':
			count++
		case '-', '?', '&', '!', '*', '|', '>', '"', '\'', '%':
			if strings.IndexByte(" \t\r\n[{,:\"'", before) >= 0 {
				count++
			}
		}
		before = c
		if count > maxMarks {
			return haltf(at.toOffset(i), "the file has more than %d lines, commas, colons, brackets and dashes: "+
				"too many for YAML, write it as JSON", maxMarks)
		}
	}
	return nil
}

// depthLimit is the plug-in that keeps the library from deep recursion.
type depthLimit struct{ hit bool }

var errDepth = fmt.Errorf("lists and objects nested deeper than %d levels", MaxDepth)

// CheckDepth is called with the depth of each new level.
func (d *depthLimit) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > MaxDepth {
		d.hit = true
		return errDepth
	}
	return nil
}

// CheckAlias is not called when loading into nodes: resolve holds that limit.
func (*depthLimit) CheckAlias(int, int) error { return nil }

// yamlError carries the place of an error of the library over.
func yamlError(src *source, depth *depthLimit, err error) error {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		return fmt.Errorf("read YAML: %w", err)
	}
	place := src.cursor()
	place.toPosition(Position{load.Mark.Line, load.Mark.Column})
	at := place.at // The library's may be behind the end of the file.
	switch {
	case depth.hit:
		return &haltError{at, errDepth}
	case inEnv(src, at.Line):
		src.hide(at.Line, at.Line)
		return haltf(at, "invalid YAML in an env block (values are not shown): put the value into quotes")
	case bytes.HasPrefix(src.data[place.offset:], []byte("\t")):
		return haltf(at, "invalid YAML: a tab where only spaces may stand")
	case load.ContextMsg != "" && load.ContextMark.Line > 0 && load.ContextMark.Line != at.Line:
		return haltf(at, "invalid YAML: %s, %s that begins at line %d", load.Message, load.ContextMsg, load.ContextMark.Line)
	}
	return haltf(at, "invalid YAML: %s", load.Message)
}

// inEnv guesses by indentation whether a line of a document that cannot be
// parsed may show the value of an environment variable.
func inEnv(src *source, line int) bool {
	lines := bytes.Split(src.data, []byte("\n"))
	indent := len(src.data)
	for i := min(line, len(lines)) - 1; i >= 0 && indent > 0; i-- {
		content := bytes.TrimLeft(lines[i], " \t")
		if len(bytes.TrimSpace(content)) == 0 || content[0] == '#' {
			continue
		}
		if own := len(lines[i]) - len(content); own < indent || i == line-1 {
			indent = own
			if bytes.Contains(content, []byte("env")) {
				return true
			}
		}
	}
	return false
}
