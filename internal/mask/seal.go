package mask

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// edge stands at both sides of a label in a sealed text.
const edge = Replacement

// numberLabel stands before a number that was sealed.
const numberLabel = edge + ":number" + edge

// MissingError means that a sealed text cannot be opened, since the value of a
// variable is not known.
type MissingError struct{ Name string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("it needs the value of environment variable %s, which is kept nowhere and has to be given again", e.Name)
}

// Seal masks s so that Open gives it back exactly: each secret becomes a label
// between edges that names the variable and the form, such as ***NAME*** or
// ***NAME:base64***. Where s itself could be taken for that, its runs of "*"
// become labels too: ***:3*** stands for three of them.
func (m *Masker) Seal(s string) string {
	label := func(i int) string { return edge + m.labels[i] + edge }
	sealed := m.replace(s, label, nil)
	if !strings.Contains(sealed, edge) {
		return sealed
	}
	if back, err := m.Open(sealed); err == nil && back == s {
		return sealed
	}
	return m.replace(s, label, sealStars)
}

func sealStars(s string) string {
	var out strings.Builder
	for s != "" {
		if n := len(s) - len(strings.TrimLeft(s, "*")); n > 0 {
			out.WriteString(edge + ":" + strconv.Itoa(n) + edge)
			s = s[n:]
			continue
		}
		n := strings.IndexByte(s, '*')
		if n < 0 {
			n = len(s)
		}
		out.WriteString(s[:n])
		s = s[n:]
	}
	return out.String()
}

// Open gives what Seal was called with, when the variables have the values
// that they had then; with others, what the text is with these.
// Errors: *MissingError.
func (m *Masker) Open(s string) (string, error) {
	var out strings.Builder
	for {
		i := strings.Index(s, edge)
		if i < 0 {
			out.WriteString(s)
			return out.String(), nil
		}
		out.WriteString(s[:i])
		s = s[i:]
		label, rest, ok := cutLabel(s)
		if !ok {
			out.WriteByte(s[0])
			s = s[1:]
			continue
		}
		text, err := m.labelled(label)
		if err != nil {
			return "", err
		}
		out.WriteString(text)
		s = rest
	}
}

// cutLabel splits a text that begins with a label between edges behind these.
func cutLabel(s string) (label, rest string, ok bool) {
	label, rest, ok = strings.Cut(s[len(edge):], edge)
	if !ok || label == "" || strings.ContainsFunc(label, notInLabel) {
		return "", "", false
	}
	return label, rest, true
}

func notInLabel(c rune) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return false
	}
	return !strings.ContainsRune("_-.%+@:", c)
}

// maxStars bounds what one label of a damaged journal can stand for.
const maxStars = 64 << 20

// labelled is the text that a label stands for. A value that comes from
// another source than it did is good too.
func (m *Masker) labelled(label string) (string, error) {
	if text, ok := m.texts[label]; ok {
		return text, nil
	}
	variable, form, _ := strings.Cut(label, ":")
	if n, err := strconv.Atoi(form); variable == "" && err == nil && n > 0 && n <= maxStars {
		return strings.Repeat("*", n), nil
	}
	name, _, _ := strings.Cut(variable, "@")
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain
	}
	for _, source := range m.sources {
		if text, ok := m.texts[labelOf(name, source, form)]; ok {
			return text, nil
		}
	}
	return "", &MissingError{Name: name}
}

// SealValues seals a context: its strings, its numbers and its keys.
// Errors: what cannot be JSON.
func (m *Masker) SealValues(v job.Values) (job.Values, error) {
	return walkObject(v, converter{
		text: func(s string) (any, error) { return m.Seal(s), nil },
		key:  func(s string) (string, error) { return m.Seal(s), nil },
		number: func(n json.Number) (any, error) {
			if s := m.Seal(n.String()); s != n.String() {
				return numberLabel + s, nil
			}
			return n, nil
		},
	})
}

// OpenValues gives back what SealValues was called with.
// Errors: *MissingError.
func (m *Masker) OpenValues(v job.Values) (job.Values, error) {
	return walkObject(v, converter{
		text: func(s string) (any, error) {
			if digits, ok := strings.CutPrefix(s, numberLabel); ok {
				n, err := m.Open(digits)
				return json.Number(n), err
			}
			return m.Open(s)
		},
		key:    m.Open,
		number: func(n json.Number) (any, error) { return n, nil },
	})
}
