package job_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/job"
)

func mustValues(t *testing.T, text string) job.Values {
	t.Helper()
	v, err := job.DecodeValues([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestLookup(t *testing.T) {
	v := mustValues(t, `{"a": {"b": [10, {"c": null}]}, "": {"": 1}, "0": "zero", "n": 5}`)
	tests := []struct {
		path string
		want any
		ok   bool
	}{
		{"a.b.0", num("10"), true},
		{"a.b.1.c", nil, true},
		{"a.b.00", num("10"), true},
		{"0", "zero", true},
		{".", num("1"), true},
		{"n", num("5"), true},
		{"a.b.2", nil, false},
		{"a.b.-1", nil, false},
		{"a.b.+1", nil, false},
		{"a.b.99999999999999999999", nil, false},
		{"a.b.c", nil, false},
		{"a.b.1.c.d", nil, false},
		{"n.x", nil, false},
		{"a.", nil, false},
		{"A", nil, false},
	}
	for _, tt := range tests {
		got, ok := v.Lookup(tt.path)
		if ok != tt.ok || !cmp.Equal(tt.want, got) {
			t.Errorf("%q is %v, %v; want %v, %v", tt.path, got, ok, tt.want, tt.ok)
		}
	}
	if got, ok := job.Values(nil).Lookup("a"); ok {
		t.Errorf("nothing has %v", got)
	}
}

func TestMerge(t *testing.T) {
	tests := []struct{ base, over, want string }{
		{`{}`, `{}`, `{}`},
		{`null`, `null`, `{}`},
		{`null`, `{"a": 1}`, `{"a": 1}`},
		{`{"a": 1}`, `null`, `{"a": 1}`},
		{`{"a": 1, "b": 2}`, `{"b": 3}`, `{"a": 1, "b": 3}`},
		{`{"a": {"x": {"y": 1}, "z": 2}}`, `{"a": {"x": {"q": 3}}}`, `{"a": {"x": {"y": 1, "q": 3}, "z": 2}}`},
		{`{"a": {"x": 1}}`, `{"a": null}`, `{"a": null}`},
		{`{"a": {"x": 1}}`, `{"a": [1]}`, `{"a": [1]}`},
		{`{"a": [1, 2]}`, `{"a": [3]}`, `{"a": [3]}`},
		{`{"a": 1}`, `{"a": {"x": 1}}`, `{"a": {"x": 1}}`},
	}
	for _, tt := range tests {
		base, over := mustValues(t, tt.base), mustValues(t, tt.over)
		got := base.Merge(over)
		if diff := cmp.Diff(mustValues(t, tt.want), got); diff != "" {
			t.Errorf("%s with %s (-want +got):\n%s", tt.base, tt.over, diff)
		}
		got["added"] = true
		if a, ok := got["a"].(map[string]any); ok && base["a"] != nil && over["a"] != nil {
			a["added"] = true
		}
		if !cmp.Equal(mustValues(t, tt.base), base) {
			t.Errorf("%s was changed to %v", tt.base, base)
		}
	}
}

func TestDecodeValues(t *testing.T) {
	v := mustValues(t, `{"n": 12345678901234567890123, "f": 1.10} `)
	if v["n"] != num("12345678901234567890123") || v["f"] != num("1.10") {
		t.Errorf("got %v", v)
	}
	if v := mustValues(t, "null"); v != nil {
		t.Errorf("null gives %v", v)
	}
	for _, text := range []string{"", "[]", "1", `{"a":1} {}`, `{"a":1} x`, `{"a":}`, "{"} {
		if got, err := job.DecodeValues([]byte(text)); err == nil {
			t.Errorf("%q gives %v, want an error", text, got)
		}
	}
}

// TestUnmarshalReplaces shows that a value which is decoded twice keeps nothing
// of the first time.
func TestUnmarshalReplaces(t *testing.T) {
	v := job.Values{"old": true}
	if err := json.Unmarshal([]byte(`{"new": 1}`), &v); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(job.Values{"new": num("1")}, v); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
