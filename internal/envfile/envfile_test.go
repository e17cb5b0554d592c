package envfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/internal/envfile"
)

func TestFlag(t *testing.T) {
	for text, want := range map[string][2]string{
		"A=1":       {"A", "1"},
		"A=":        {"A", ""},
		"A=b=c d":   {"A", "b=c d"},
		"HOME":      {"HOME", "/home/x"},
		"EMPTY":     {"EMPTY", ""},
		"A=$HOME,x": {"A", "$HOME,x"},
	} {
		name, value, err := envfile.Flag(text, outside)
		if err != nil || [2]string{name, value} != want {
			t.Errorf("%q: %q, %q, %v; want %q", text, name, value, err, want)
		}
	}
	for text, want := range map[string]string{
		"":         "empty",
		"=s3cr3t":  "the name is empty",
		"NOT_HERE": "--env NOT_HERE: not set",
	} {
		_, _, err := envfile.Flag(text, outside)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestImport(t *testing.T) {
	environ := []string{"A=1", "B=x=y", "AWS_KEY=k", "AWS=z", "EMPTY=", "=C:=C:\\", "NOEQUALS", "A=second"}
	for name, tc := range map[string]struct {
		ignore []string
		want   map[string]string
	}{
		"all":        {nil, map[string]string{"A": "1", "B": "x=y", "AWS_KEY": "k", "AWS": "z", "EMPTY": ""}},
		"by name":    {[]string{"A", "EMPTY", "AW"}, map[string]string{"B": "x=y", "AWS_KEY": "k", "AWS": "z"}},
		"by star":    {[]string{"AWS_*"}, map[string]string{"A": "1", "B": "x=y", "AWS": "z", "EMPTY": ""}},
		"everything": {[]string{"*"}, map[string]string{}},
		"other case": {[]string{"aws*", "a"}, map[string]string{"A": "1", "B": "x=y", "AWS_KEY": "k", "AWS": "z", "EMPTY": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := envfile.Import(environ, tc.ignore)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, pattern := range []string{"", "*_KEY", "A**", "A*B"} {
		if _, err := envfile.Import(environ, []string{"A", pattern}); err == nil {
			t.Errorf("pattern %q is accepted", pattern)
		}
	}
}
