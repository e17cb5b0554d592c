// Package mask keeps the values of secret variables out of everything that is
// written and shown: streams, texts, decoded JSON, events, log records, errors.
//
// A value is found in many forms: as it is, each of its lines, in base64 at
// any offset, hexadecimal, escaped for URLs and for JSON.
package mask

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// Replacement is what stands for a secret wherever people read.
const Replacement = "***"

// Source is where variables come from. Its name tells the values of one
// variable apart; the first source that is named should have none.
type Source struct {
	Name string
	Vars map[string]string
}

// Actions are the environments in a job's own actions, by the name of the
// action. A nil job has none.
func Actions(j *job.Job) []Source {
	if j == nil {
		return nil
	}
	var sources []Source
	for _, name := range slices.Sorted(maps.Keys(j.Actions)) {
		sources = append(sources, Source{Name: "action." + name, Vars: j.Actions[name].Env})
	}
	return sources
}

// Masker masks the values of one set of variables. It does not change and may
// be used by any number of goroutines. The zero Masker masks nothing.
type Masker struct {
	find matcher
	// labels[i] names the i-th text of find.
	labels []string
	// texts are all texts by their label, also those that find has once only.
	texts map[string]string
	// sources are the names of the sources, in their order.
	sources []string
	skipped []string
}

// New gives a Masker for the variables that are named, and for every variable
// of the sources whose name says that it is secret; see Secret. Values that
// are too short or too common are left out; see Skipped.
func New(names []string, sources ...Source) *Masker {
	m := &Masker{texts: map[string]string{}}
	var texts []string
	known := map[string]bool{}
	for _, src := range sources {
		m.sources = append(m.sources, src.Name)
		for _, name := range slices.Sorted(maps.Keys(src.Vars)) {
			value := src.Vars[name]
			if value == "" || !Secret(name) && !slices.Contains(names, name) {
				continue
			}
			if harmless(value) {
				m.skipped = append(m.skipped, name)
				continue
			}
			for _, f := range forms(value) {
				label := labelOf(name, src.Name, f.name)
				if _, ok := m.texts[label]; !ok {
					m.texts[label] = f.text
				}
				if !known[f.text] {
					known[f.text] = true
					texts, m.labels = append(texts, f.text), append(m.labels, label)
				}
			}
		}
	}
	slices.Sort(m.skipped)
	m.skipped = slices.Compact(m.skipped)
	m.find = newMatcher(texts)
	return m
}

// labelOf is NAME, NAME@SOURCE, NAME:FORM or NAME@SOURCE:FORM.
func labelOf(name, source, form string) string {
	label := escapeLabel(name)
	if source != "" {
		label += "@" + escapeLabel(source)
	}
	if form != "" {
		label += ":" + form
	}
	return label
}

// escapeLabel leaves letters, digits, "-", "_" and "." as they are.
func escapeLabel(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "~", "%7E") }

// Skipped are the variables, by name and without their values, that should be
// masked but are not, because their value is too short or too common.
func (m *Masker) Skipped() []string { return slices.Clone(m.skipped) }

// String gives s with every secret replaced by Replacement.
func (m *Masker) String(s string) string {
	return m.replace(s, func(int) string { return Replacement }, nil)
}

// Bytes gives b with every secret replaced. It is b itself when there is none.
func (m *Masker) Bytes(b []byte) []byte {
	if h := m.find.next(b, 0, false); h.begin == len(b) {
		return b
	}
	return []byte(m.String(string(b)))
}

// replace gives s with every secret replaced by what with gives for its
// number, and everything else by what literal gives for it; nil leaves that.
func (m *Masker) replace(s string, with func(text int) string, literal func(string) string) string {
	if literal == nil {
		literal = func(s string) string { return s }
	}
	b := []byte(s)
	var out strings.Builder
	for pos := 0; ; {
		h := m.find.next(b, pos, false)
		if h.end == h.begin && pos == 0 {
			return literal(s)
		}
		out.WriteString(literal(s[pos:h.begin]))
		if h.end == h.begin {
			return out.String()
		}
		out.WriteString(with(h.text))
		pos = h.end
	}
}
