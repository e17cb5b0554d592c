package job_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/job"
)

func TestParseContext(t *testing.T) {
	tests := map[string]job.Values{
		"": {}, "null": {}, "---\n": {}, "# nothing\n": {}, "{}": {}, " \n\t{ }\n": {},
		"a: 12345678901234567890123":       {"a": num("12345678901234567890123")},
		`{"a":12345678901234567890123}`:    {"a": num("12345678901234567890123")},
		`{"a":[1.0,1e400,-0,0.10]}`:        {"a": []any{num("1.0"), num("1e400"), num("-0"), num("0.10")}},
		"a: [1.0, 1e400, -0, 0.10]":        {"a": []any{num("1.0"), num("1e400"), num("-0"), num("0.10")}},
		"a: [0x1F, 0o17, 017, 0b101, +7]":  {"a": []any{num("31"), num("15"), num("15"), num("5"), num("7")}},
		"a: [-0x1F, 08, -007.5, .5, 5.]":   {"a": []any{num("-31"), num("8"), num("-7.5"), num("0.5"), num("5.0")}},
		"a: 0xFFFFFFFFFFFFFFFFFFFF":        {"a": num("1208925819614629174706175")},
		"a: [2024-01-01, 12:30:00]":        {"a": []any{"2024-01-01", "12:30:00"}},
		"a: 2024-01-01 10:00:00Z":          {"a": "2024-01-01 10:00:00Z"},
		"a: [1_000, 1.2.3, 0x, -x, ., +.]": {"a": []any{"1_000", "1.2.3", "0x", "-x", ".", "+."}},
		"a: [yes, no, on, off, y]":         {"a": []any{"yes", "no", "on", "off", "y"}},
		"a: [true, False, NULL, ~, nil]":   {"a": []any{true, false, nil, nil, "nil"}},
		`a: [!!str 1, !!float 1, ! 2]`:     {"a": []any{"1", num("1"), "2"}},
		"1: a\n1.50: b\ntrue: c\non: d":    {"1": "a", "1.50": "b", "true": "c", "on": "d"},
		"a: &x [1]\nb: *x\n*x : 1":         nil,
		"? a\n: 1\n&k b: 2\nc: *k":         {"a": num("1"), "b": num("2"), "c": "b"},
		"\ufeff{\"a\": 1}":                 {"a": num("1")},
		"\ufeffa: 1\r\nb: 2\r\n":           {"a": num("1"), "b": num("2")},
		"%YAML 1.2\n---\na: 1\n...\n":      {"a": num("1")},
		"a: \"\\0\\u00e9\"":                {"a": "\x00é"},
		`{"a":"\u0000","<<":{"b":1}}`:      {"a": "\x00", "<<": map[string]any{"b": num("1")}},
		`"<<": {b: 1}`:                     {"<<": map[string]any{"b": num("1")}},
	}
	for text, want := range tests {
		got, err := job.ParseContext("ctx", []byte(text))
		if want == nil {
			if err == nil {
				t.Errorf("%q gives %v, want an error", text, got)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestParseContextErrors(t *testing.T) {
	tests := map[string]string{
		"[1]":                    "ctx:1:1: a context must be an object, not a list",
		"text":                   "ctx:1:1: a context must be an object, not text",
		"a: .inf":                "ctx:1:4: .inf is not a number",
		"a: {b: 1, b: 2}":        `ctx:1:11: duplicate key "b"`,
		`{"a": 1, "a": 2}`:       `ctx:1:10: duplicate key "a"`,
		"a: 1\n---\nb: 2":        "ctx:2:1: a second YAML document",
		"a: 1\nb: \"x":           "ctx:2:6: invalid YAML",
		strings.Repeat("[", 200): "ctx:1:101: lists and objects nested deeper than 100 levels",
		"!!set {a}":              "ctx:1:1: this YAML tag is not supported",
		"a: 0x" + longDigits():   "at most 1000 are read",
	}
	for text, want := range tests {
		got, err := job.ParseContext("ctx", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q gives %v, %v; want an error with %q", text, got, err, want)
		}
	}
}

func longDigits() string { return strings.Repeat("f", 2000) }

func TestMergeKeys(t *testing.T) {
	tests := map[string]string{
		"x: &x {a: 1, b: 1}\ny:\n  <<: *x\n  b: 2\n":                       `{"x":{"a":1,"b":1},"y":{"a":1,"b":2}}`,
		"x: [&x {a: 1, b: 1}, &y {b: 2, c: 2}]\nz: {c: 3, <<: [*y, *x]}\n": `{"x":[{"a":1,"b":1},{"b":2,"c":2}],"z":{"a":1,"b":2,"c":3}}`,
		"x: &x {a: 1}\ny: &y {<<: *x, b: 2}\nz: {<<: *y}\n":                `{"x":{"a":1},"y":{"a":1,"b":2},"z":{"a":1,"b":2}}`,
		"x: {<<: {a: 1}}\n": `{"x":{"a":1}}`,
		"x: {<<: []}\n":     `{"x":{}}`,
	}
	for text, want := range tests {
		values, err := job.ParseContext("ctx", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got, err := json.Marshal(values); err != nil || string(got) != want {
			t.Errorf("%q gives %s, %v; want %s", text, got, err, want)
		}
	}
}

// TestAliasesAreCopies shows that parts of a context that came from one anchor
// can be changed apart.
func TestAliasesAreCopies(t *testing.T) {
	values, err := job.ParseContext("ctx", []byte("a: &a {k: [1]}\nb: *a\n"))
	if err != nil {
		t.Fatal(err)
	}
	list, ok := values.Lookup("a.k")
	if !ok {
		t.Fatalf("no a.k in %v", values)
	}
	if list, ok := list.([]any); ok {
		list[0] = "changed"
	}
	if got, _ := values.Lookup("a.k.0"); got != "changed" {
		t.Errorf("a.k.0 is %v", got)
	}
	if got, _ := values.Lookup("b.k.0"); got != num("1") {
		t.Errorf("b.k.0 is %v, want 1", got)
	}
}
