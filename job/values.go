package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
)

// Values is the context document: a JSON object. Its numbers are json.Number,
// so that integers of any size stay exact; its other values are string, bool,
// nil, []any and map[string]any.
type Values map[string]any

// DecodeValues reads exactly one JSON object. null gives nil.
func DecodeValues(data []byte) (Values, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v Values
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("decode values: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("decode values: something follows the JSON object")
	}
	return v, nil
}

// UnmarshalJSON keeps numbers exact. It replaces v: nothing of an earlier
// value stays.
func (v *Values) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var fresh map[string]any
	if err := dec.Decode(&fresh); err != nil {
		return err
	}
	*v = fresh
	return nil
}

// Lookup finds the value at a dotted path; a number indexes a list, from 0. A
// null counts as present. Keys that hold a dot cannot be reached.
func (v Values) Lookup(path string) (any, bool) {
	var at any = map[string]any(v)
	for part := range strings.SplitSeq(path, ".") {
		switch node := at.(type) {
		case map[string]any:
			next, ok := node[part]
			if !ok {
				return nil, false
			}
			at = next
		case []any:
			i, err := strconv.ParseUint(part, 10, 31)
			if err != nil || int(i) >= len(node) {
				return nil, false
			}
			at = node[i]
		default:
			return nil, false
		}
	}
	return at, true
}

// Merge returns v with over laid on it: objects are merged key by key at every
// depth, anything else in over replaces what v has. Neither is changed, but
// the result shares their parts.
func (v Values) Merge(over Values) Values {
	out := maps.Clone(v)
	if out == nil {
		out = Values{}
	}
	for key, val := range over {
		a, aok := out[key].(map[string]any)
		b, bok := val.(map[string]any)
		if aok && bok {
			val = map[string]any(Values(a).Merge(b))
		}
		out[key] = val
	}
	return out
}
