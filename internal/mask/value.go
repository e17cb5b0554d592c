package mask

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// Value masks decoded JSON: every string, every number and every key of an
// object in it. A number that holds a secret becomes a string. Keys that
// become equal are told apart by a number behind them. v is not changed; what
// is not made of maps, slices, strings and numbers comes back in these.
//
// Errors: what cannot be JSON.
func (m *Masker) Value(v any) (any, error) {
	return walk(v, converter{
		text: func(s string) (any, error) { return m.String(s), nil },
		key:  func(s string) (string, error) { return m.String(s), nil },
		number: func(n json.Number) (any, error) {
			if s := m.String(n.String()); s != n.String() {
				return s, nil
			}
			return n, nil
		},
	})
}

// converter turns the leaves and the keys of a tree into others.
type converter struct {
	text   func(string) (any, error)
	key    func(string) (string, error)
	number func(json.Number) (any, error)
}

func walk(v any, c converter) (any, error) {
	switch v := v.(type) {
	case nil, bool:
		return v, nil
	case string:
		return c.text(v)
	case json.Number:
		return c.number(v)
	case []any:
		return walkList(v, c)
	case map[string]any:
		return walkObject(v, c)
	case job.Values:
		return walkObject(v, c)
	}
	plain, err := decoded(v)
	if err != nil {
		return nil, err
	}
	return walk(plain, c)
}

func walkList(list []any, c converter) (any, error) {
	if list == nil {
		return list, nil
	}
	out := make([]any, len(list))
	for i, v := range list {
		var err error
		if out[i], err = walk(v, c); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func walkObject(object map[string]any, c converter) (map[string]any, error) {
	if object == nil {
		return nil, nil
	}
	out := make(map[string]any, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		key, err := c.key(name)
		if err != nil {
			return nil, err
		}
		v, err := walk(object[name], c)
		if err != nil {
			return nil, err
		}
		out[unused(out, key)] = v
	}
	return out, nil
}

func unused(object map[string]any, key string) string {
	free := key
	for n := 2; ; n++ {
		if _, used := object[free]; !used {
			return free
		}
		free = fmt.Sprintf("%s-%d", key, n)
	}
}

// decoded gives any value in the form of decoded JSON, with exact numbers.
func decoded(v any) (any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var plain any
	if err := dec.Decode(&plain); err != nil {
		return nil, err
	}
	return plain, nil
}
