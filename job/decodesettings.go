package job

import (
	"cmp"
	"strconv"
	"strings"
)

// settings are the rules for the keys of an action that say how its container
// is made.
func (d *decoder) settings(a *Action, what string) []rule {
	s := &a.Settings
	return []rule{
		{"entrypoint", func(v *node) { s.Entrypoint = d.command(a, v, "entrypoint") }},
		{"args", func(v *node) { s.Args = d.command(a, v, "args") }},
		{"user", func(v *node) { s.User = one(d, v, "user of "+what, parseUser) }},
		{"working_dir", func(v *node) { s.WorkingDir = one(d, v, "working_dir of "+what, parsePath) }},
		{"memory", func(v *node) { s.Memory = one(d, v, "memory of "+what, ParseSize) }},
		{"shm_size", func(v *node) { s.ShmSize = one(d, v, "shm_size of "+what, ParseSize) }},
		{"cpus", func(v *node) { s.CPUs = one(d, v, "cpus of "+what, parseCPUs) }},
		{"gpus", func(v *node) { s.GPUs = one(d, v, "gpus of "+what, parseGPUs) }},
		{"network", func(v *node) { s.Network = one(d, v, "network of "+what, parseNetwork) }},
		{"privileged", func(v *node) { s.Privileged = d.flag(v, "privileged of "+what) }},
		{"read_only", func(v *node) { s.ReadOnly = d.flag(v, "read_only of "+what) }},
		{"init", func(v *node) { s.Init = d.flag(v, "init of "+what) }},
		{"devices", func(v *node) {
			s.Devices = many(d, a, key{v, "devices"}, parseDevice)
			d.distinct(a, "devices", "target", texts(s.Devices, func(x Device) string { return x.Target }))
		}},
		{"cap_add", func(v *node) { s.CapAdd = many(d, a, key{v, "cap_add"}, parseCapability) }},
		{"cap_drop", func(v *node) { s.CapDrop = many(d, a, key{v, "cap_drop"}, parseCapability) }},
		{"tmpfs", func(v *node) {
			s.Tmpfs = many(d, a, key{v, "tmpfs"}, parseTmpfs)
			d.distinct(a, "tmpfs", "path", texts(s.Tmpfs, func(x Tmpfs) string { return x.Target }))
		}},
		{"extra_hosts", func(v *node) { s.ExtraHosts = many(d, a, key{v, "extra_hosts"}, parseExtraHost) }},
		{"dns", func(v *node) { s.DNS = many(d, a, key{v, "dns"}, parseIP) }},
		{"labels", func(v *node) { s.Labels = d.labels(a, v) }},
		{"kubernetes", func(v *node) { s.Kubernetes = d.kubernetes(a, v) }},
	}
}

// one reads text by its form. Absent text is the zero value.
func one[T any](d *decoder, n *node, what string, parse func(string) (T, error)) T {
	var none T
	written := d.text(n, what)
	if written == "" {
		return none
	}
	value, err := parse(written)
	if err != nil {
		d.errorf(n.pos, "%s: %w", what, err)
		return none
	}
	return value
}

// key is a value of an action with its name.
type key struct {
	value *node
	name  string
}

// many reads a list of texts by their form, and remembers where each stands.
func many[T any](d *decoder, a *Action, k key, parse func(string) (T, error)) []T {
	what := k.name + " of action " + quote(a.Name)
	if k.value.kind == text && k.value.text != "" {
		d.errorf(k.value.pos, "%s must be a list: write [%s]", what, quote(k.value.text))
		return nil
	}
	var list []T
	var places []Position
	for _, written := range d.texts(k.value, what, func(_ int, at Position) { places = append(places, at) }) {
		at := places[0]
		places = places[1:]
		value, err := parse(written)
		if err != nil {
			d.errorf(at, "%s: %w", what, err)
			continue
		}
		a.At[k.name+"."+strconv.Itoa(len(list))] = at
		list = append(list, value)
	}
	return list
}

func texts[T any](list []T, text func(T) string) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = text(x)
	}
	return out
}

// distinct refuses what stands twice in a list.
func (d *decoder) distinct(a *Action, name, part string, list []string) {
	seen := map[string]bool{}
	for i, s := range list {
		if seen[s] {
			d.errorf(a.At[name+"."+strconv.Itoa(i)], "%s of action %s: %s %s is used twice", name, quote(a.Name), part, quote(s))
		}
		seen[s] = true
	}
}

// command reads a list of words, of which any but the program may be empty.
// An empty list is one, too: it drops what the image says.
func (d *decoder) command(a *Action, n *node, name string) []string {
	what := name + " of action " + quote(a.Name)
	if n.kind == text && n.text != "" {
		d.errorf(n.pos, "%s must be a list, no shell reads it: write [%s]", what, quotedWords(n.text))
		return nil
	}
	if !d.isKind(n, listing, what) {
		return nil
	}
	list := make([]string, 0, len(n.items))
	for i, item := range n.items {
		word := d.text(item, "an entry of "+what)
		switch {
		case item.kind == null:
			d.errorf(item.pos, `an entry of %s must not be null: write "" for an empty one`, what)
		case strings.Contains(word, "\x00"):
			d.errorf(item.pos, "an entry of %s holds a NUL character", what)
		case word == "" && item.kind == text && i == 0 && name == "entrypoint":
			d.errorf(item.pos, "%s begins with an empty word: write the name of a program", what)
		}
		a.At[name+"."+strconv.Itoa(i)] = item.pos
		list = append(list, word)
	}
	return list
}

// quotedWords is text in the form of a list with one entry a word.
func quotedWords(s string) string {
	words := strings.Fields(s)
	for i := range words {
		words[i] = quote(words[i])
	}
	const most = 8
	if len(words) > most {
		words = append(words[:most], "...")
	}
	return strings.Join(words, ", ")
}

func (d *decoder) labels(a *Action, n *node) map[string]string {
	what := "labels of action " + quote(a.Name)
	if !d.isKind(n, object, what) || len(n.fields) == 0 {
		return nil
	}
	labels := make(map[string]string, len(n.fields))
	for _, f := range n.fields {
		value := d.text(f.value, quote(f.key)+" in "+what)
		switch {
		case strings.HasPrefix(f.key, LabelPrefix):
			d.errorf(f.pos, "%s: %s: names that begin with %s are kog's own", what, quote(f.key), LabelPrefix)
		case f.key == "" || strings.ContainsAny(f.key, "=\x00"):
			d.errorf(f.pos, "%s: %s cannot be the name of a label", what, quote(f.key))
		case strings.Contains(value, "\x00"):
			d.errorf(f.value.pos, "%s: the value of %s holds a NUL character", what, quote(f.key))
		}
		a.At["labels."+f.key] = f.value.pos
		labels[f.key] = value
	}
	return labels
}

// kubernetes reads an object of any form.
func (d *decoder) kubernetes(a *Action, n *node) Values {
	values := d.values(n, "kubernetes of action "+quote(a.Name))
	if len(values) == 0 {
		return nil
	}
	places(a.At, "kubernetes", n)
	return values
}

// maxPlace is the longest way to a value, in bytes, whose place is kept. It
// keeps long keys from being copied for each value below them.
const maxPlace = 256

// places remembers where each value in n stands.
func places(at map[string]Position, way string, n *node) {
	if len(way) > maxPlace {
		return
	}
	at[way] = n.pos
	for i, item := range n.items {
		places(at, way+"["+strconv.Itoa(i)+"]", item)
	}
	for _, f := range n.fields {
		places(at, way+"."+f.key, f.value)
	}
}

// checkSettings looks at what the settings of an action say about each other.
func (d *decoder) checkSettings(a *Action) {
	for i, m := range a.Tmpfs {
		if m.Target == "/dev/shm" && a.ShmSize != 0 {
			at := cmp.Or(a.At["tmpfs."+strconv.Itoa(i)], a.Pos)
			d.errorf(at, "tmpfs of action %s: shm_size says how large /dev/shm is: leave out one of them, or write size=... here", quote(a.Name))
		}
	}
}
