package job_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/job"
)

func configKeys() []job.ConfigKey {
	number := func(s string) error {
		if _, err := strconv.Atoi(s); err != nil {
			return errors.New("want a whole number, not " + strconv.Quote(s))
		}
		return nil
	}
	return []job.ConfigKey{
		{Name: "executor"},
		{Name: "max-steps", Check: number},
		{Name: "volume", List: true},
		{Name: "ports", List: true, Check: number},
		{Name: "token", Secret: true, Check: func(s string) error {
			if len(s) < 3 {
				return errors.New("too short")
			}
			return nil
		}},
	}
}

func TestParseConfig(t *testing.T) {
	at := func(line, column int) job.Position { return job.Position{Line: line, Column: column} }
	tests := map[string][]job.ConfigEntry{
		"": nil, "# nothing\n": nil, "{}": nil, "null": nil,
		"max-steps: 050\nexecutor: native\n": {{"max-steps", at(1, 1), []string{"050"}}, {"executor", at(2, 1), []string{"native"}}},
		"volume:\n- a:/b\n- '/c:/d'\n":       {{"volume", at(1, 1), []string{"a:/b", "/c:/d"}}},
		"volume: []\nexecutor:\n":            {{"volume", at(1, 1), []string{}}},
		`{"ports": [80, "443"]}`:             {{"ports", at(1, 2), []string{"80", "443"}}},
		"x-base: &b {executor: true}\n<<: *b": {
			{"executor", at(1, 13), []string{"true"}},
		},
		"$schema: s\ntoken: abc": {{"token", at(2, 1), []string{"abc"}}},
	}
	for text, want := range tests {
		got, err := job.ParseConfig("kog.yaml", []byte(text), configKeys())
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestParseConfigErrors(t *testing.T) {
	tests := map[string]string{
		"max-step: 1\nexecutor: [a]": "s:1:1: unknown key \"max-step\" in the file (did you mean \"max-steps\"?)\n" +
			"s:2:11: executor must be text, not a list",
		"max-steps: many":               `s:1:12: max-steps: want a whole number, not "many"`,
		"max-steps: {a: 1}":             "s:1:12: max-steps must be text, not an object",
		"volume: /a:/b":                 "s:1:9: volume must be a list, not text",
		"volume: [[a], ~]":              "s:1:10: an entry of volume must be text, not a list\ns:1:15: an entry of volume must not be null",
		"ports:\n- 80\n- x":             `s:3:3: ports: want a whole number, not "x"`,
		"executor: a\nexecutor: b":      `s:2:1: duplicate key "executor"`,
		"- executor":                    "s:1:1: the file must be an object, not a list",
		"executor":                      "s:1:1: the file must be an object, not text",
		"executor: 'native\n":           "invalid YAML",
		"executor: a\n---\nexecutor: b": "a second YAML document",
	}
	for text, want := range tests {
		got, err := job.ParseConfig("s", []byte(text), configKeys())
		if err == nil {
			t.Errorf("%q gives %v", text, got)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestJobIsNoConfig(t *testing.T) {
	for _, text := range []string{"workflows: {}", "nmea: x\nworkflows: 1", `{"workflows": null}`} {
		if got, err := job.ParseConfig("kog.yaml", []byte(text), configKeys()); !errors.Is(err, job.ErrIsJob) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// TestConfigKeepsSecrets looks at everything that an error can show.
func TestConfigKeepsSecrets(t *testing.T) {
	const secret = "h7"
	for _, text := range []string{
		"token: h7",
		"token: {h7: h7}",
		"tokne: h7",
		"tokne:\n- {a: h7}",
		"token: |\n  x\n   h7\nexecutor: [",
		"token: 'h7\n",
		"token: h7: h7",
		"token: h7\nmax-step: 1",
		"x-note: h7\nmax-step: 1",
		`{"token": "h7", "max-step": 1}`,
		`{"token": "h7"`,
	} {
		_, err := job.ParseConfig("s", []byte(text), configKeys())
		var all job.SyntaxErrors
		if !errors.As(err, &all) {
			t.Errorf("%q: %v", text, err)
		}
		for _, e := range all {
			if strings.Contains(e.Detail(), secret) {
				t.Errorf("%q: %s", text, e.Detail())
			}
		}
	}
}

func TestConfigErrorsShowTheLine(t *testing.T) {
	_, err := job.ParseConfig("s", []byte("token: abc\nmax-steps: many\n"), configKeys())
	var all job.SyntaxErrors
	if !errors.As(err, &all) || len(all) != 1 || !strings.Contains(all[0].Snippet, "2 | max-steps: many\n") {
		t.Errorf("%v, %+v", err, all)
	}
}

// FuzzParseConfig: the error says where, and what is accepted is known.
func FuzzParseConfig(f *testing.F) {
	for _, seed := range []string{"max-steps: 5\nvolume: [a, 'b']", "token: abc\n<<: {executor: x}", "ports: [~, {}]", `{"token": "h7"`, "workflows: {}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys := configKeys()
		got, err := job.ParseConfig("s", data, keys)
		var all job.SyntaxErrors
		switch {
		case errors.Is(err, job.ErrIsJob) || errors.As(err, &all) && len(all) > 0:
		case err != nil:
			t.Fatalf("%T: %v", err, err)
		}
		for _, s := range got {
			i := slices.IndexFunc(keys, func(k job.ConfigKey) bool { return k.Name == s.Name })
			if i < 0 || s.At.Line == 0 || !keys[i].List && len(s.Values) != 1 {
				t.Fatalf("%+v", s)
			}
			for _, v := range s.Values {
				if check := keys[i].Check; check != nil && check(v) != nil {
					t.Fatalf("%+v is accepted: %v", s, check(v))
				}
			}
		}
	})
}
