package report

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// Change is one difference between two contexts.
type Change struct {
	// Path leads to the value as in requirements: device.ports.0. A key that
	// would not read well there is quoted.
	Path string
	// Old and New are JSON on one line, shortened; Old is empty for what was
	// added, New for what was removed.
	Old, New string
}

// Changes are the differences that a visit made, in the order of the paths.
type Changes struct {
	List []Change
	// LeftOut is how many more there are.
	LeftOut int
}

// maxValue is how many bytes of a value are shown.
const maxValue = 200

// compare lists the differences. Those that pass limit bytes are only counted.
func compare(before, after job.Values, limit int) Changes {
	c := comparison{limit: limit}
	c.objects("", before, after)
	return c.found
}

type comparison struct {
	limit int
	found Changes
}

func (c *comparison) values(path string, before, after any) {
	switch b := before.(type) {
	case nil, bool, string, json.Number:
		if before == after {
			return
		}
	case map[string]any:
		if a, ok := after.(map[string]any); ok {
			c.objects(path, b, a)
			return
		}
	case []any:
		if a, ok := after.([]any); ok {
			c.lists(path, b, a)
			return
		}
	}
	old, fresh := compact(before), compact(after)
	if !bytes.Equal(old, fresh) {
		c.add(path, old, fresh)
	}
}

func (c *comparison) objects(path string, before, after map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(merged(before, after))) {
		old, was := before[key]
		fresh, is := after[key]
		c.pair(join(path, key), [2]any{old, fresh}, [2]bool{was, is})
	}
}

func (c *comparison) lists(path string, before, after []any) {
	for i := range max(len(before), len(after)) {
		var pair [2]any
		if i < len(before) {
			pair[0] = before[i]
		}
		if i < len(after) {
			pair[1] = after[i]
		}
		c.pair(join(path, strconv.Itoa(i)), pair, [2]bool{i < len(before), i < len(after)})
	}
}

// pair compares what may be there on one side only.
func (c *comparison) pair(path string, pair [2]any, there [2]bool) {
	switch {
	case there[0] && there[1]:
		c.values(path, pair[0], pair[1])
	case there[0]:
		c.add(path, compact(pair[0]), nil)
	default:
		c.add(path, nil, compact(pair[1]))
	}
}

func (c *comparison) add(path string, old, fresh []byte) {
	change := Change{
		Path: action.Shorten(path, maxValue),
		Old:  action.Shorten(string(old), maxValue),
		New:  action.Shorten(string(fresh), maxValue),
	}
	need := len(change.Path) + len(change.Old) + len(change.New)
	if need > c.limit || c.found.LeftOut > 0 {
		c.found.LeftOut++
		return
	}
	c.limit -= need
	c.found.List = append(c.found.List, change)
}

func merged(a, b map[string]any) map[string]struct{} {
	keys := make(map[string]struct{}, len(b))
	for _, m := range []map[string]any{a, b} {
		for key := range m {
			keys[key] = struct{}{}
		}
	}
	return keys
}

var plainKey = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\pL\pN_-]+$`) })

func join(path, key string) string {
	if !plainKey().MatchString(key) {
		key = string(compact(key))
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// compact is a value as JSON on one line. Values come from JSON, so there is
// none that has no such form.
func compact(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return []byte("?")
	}
	return bytes.TrimSpace(buf.Bytes())
}

// diff writes changes as lines that begin with +, - or, for a change, both
// below each other.
func diff(c Changes) string {
	var b strings.Builder
	for _, ch := range c.List {
		if ch.Old != "" {
			b.WriteString("- " + oneLine(ch.Path+": "+ch.Old) + "\n")
		}
		if ch.New != "" {
			b.WriteString("+ " + oneLine(ch.Path+": "+ch.New) + "\n")
		}
	}
	if c.LeftOut > 0 {
		b.WriteString("… " + count(c.LeftOut, "more change") + " …\n")
	}
	return b.String()
}
