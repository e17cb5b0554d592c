package envfile_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/internal/envfile"
)

// outside is the environment of these tests.
func outside(name string) (string, bool) {
	value, ok := map[string]string{"HOME": "/home/x", "EMPTY": "", "WIN": "outside"}[name]
	return value, ok
}

// same are documents that Docker Compose and kog read alike.
var same = []string{
	"", "\n\n", "# only a comment", "A=1", "A=1\n", "A=1\r\nB=2\r\n", "\ufeffA=1\n",
	"A=\nB=2\n", "A = 1\n", "  A=1  \n", "export A=1\nexport\tB=2\n", "exported=1\n", "A: yaml\nB:x\n",
	"A=x # comment\nB=x#y\nC=#z\n# D=1\n", "A=a b  c\n", "A=a=b=c\n", "A=\"\"\nB=''\n",
	"A=\"a\\nb\\tc\\\\d\\\"e\"\n", "A='a\\nb\\\\c$HOME'\n", "A='it\\'s'\n",
	"A=\"one\ntwo\nthree\"\nB=2\n", "A='one\ntwo'\nB=2\n", "A=\"x\" # comment\nB=1\n", "A=\"x # y\"\n",
	"A=$HOME/bin\nB=${HOME}x\n", "A=\"$HOME\"\n", "A=1\nB=$A$A\nC=${B}\n", "WIN=inside\nB=$WIN\n",
	"A=${NOPE:-d}\nB=${NOPE-d}\nC=${EMPTY:-d}\nD=${EMPTY-d}\nE=${HOME:-d}\n",
	"A=${NOPE:+d}\nB=${NOPE+d}\nC=${EMPTY:+d}\nD=${EMPTY+d}\nE=${HOME:+d}\n",
	"A=${HOME:?no}\nB=${EMPTY?no}\n", "A=${NOPE:-$HOME}\nB=${NOPE:-${EMPTY:-deep}}\n", "A=${NOPE:-a b}\n",
	"A=cost $$5 and $$HOME\n", "A=\"\\$HOME\"\n", "A=100$\nB=$5\nC=a$ b\n", "A=\\n\n", "A=\"\\q\\z\"\n",
	"A=\"\\0101\\0377\"\n", "HOME\nA=1\n", "NOPE\nA=1\n", "export HOME\n",
	"a.b-c_d[0]=1\nÄ=ü\n1A=x\n", "A=1\nA=2\n", "A=日本 語\n", "A=\"a\\\nb\"\n", "A=`x`\n", "A=\"a'b\"\nB='a\"b'\n",
	"A=x'y'\n", "\tA=1\n", "A=\t1\t\n", "A=\"${HOME}/x\n$HOME\"\n",
}

func TestParseAgreesWithCompose(t *testing.T) {
	for _, doc := range same {
		want, err := dotenv.ParseWithLookup(strings.NewReader(doc), outside)
		if err != nil {
			t.Errorf("%q: compose refuses: %v", doc, err)
			continue
		}
		got, err := envfile.Parse("x.env", []byte(doc), outside)
		if err != nil {
			t.Errorf("%q: %v", doc, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-compose +kog):\n%s", doc, diff)
		}
	}
}

func TestParseErrors(t *testing.T) {
	const secret = "s3cr3t"
	for name, tc := range map[string]struct{ doc, want string }{
		"unset":             {"# c\n\nA=1\nB=pa$" + secret + "\n", "x.env:4: variable B: it refers to a variable that is not set; for a dollar sign write $$"},
		"unset in braces":   {"A=${" + secret + "}", "x.env:1: variable A: it refers"},
		"unset in default":  {"A=${NOPE:-$" + secret + "}", "x.env:1: variable A: it refers"},
		"unset in quotes":   {"A=1\nB=\"one\ntwo $" + secret + "\"\n", "x.env:2: variable B: it refers"},
		"required":          {"A=${NOPE:?give one}", "x.env:1: variable A: it needs a variable that is not set or empty: give one"},
		"empty name":        {"A=1\n=" + secret, "x.env:2: the name before = is empty"},
		"no equals":         {"A=1\r\nB " + secret, "x.env:2: want NAME=VALUE"},
		"odd name":          {"A+B=" + secret, "x.env:1: want NAME=VALUE"},
		"export alone":      {"export \nA=1", "x.env:1: want NAME=VALUE"},
		"name with a blank": {"A B=" + secret, "x.env:1: want NAME=VALUE"},
		"open quote":        {"A='x'\nB=\"" + secret + "\nC=1\n", `x.env:2: variable B: no closing "`},
		"open at the end":   {"A='" + secret + `\'`, "x.env:1: variable A: no closing '"},
		"trailing escape":   {`A="` + secret + `\`, `x.env:1: variable A: no closing "`},
		"behind the quote":  {"A=\"x\"" + secret + "\n", "x.env:1: variable A: text behind the closing quote"},
		"open brace":        {"A=${" + secret, "x.env:1: variable A: ${ without }"},
		"empty reference":   {"A=${}", "x.env:1: variable A: want a name"},
		"odd reference":     {"A=${HOME/" + secret + "}", "x.env:1: variable A: want a name"},
		"NUL":               {"A=1\nB=" + secret + "\x00\n", "x.env:2: a NUL byte"},
		"not UTF-8":         {"A=1\n\nB=" + secret + "\xff\n", "x.env:3: not UTF-8"},
		"nested too deep":   {"A=" + strings.Repeat("${NOPE:-", 50) + secret + strings.Repeat("}", 50), "x.env:1: variable A: references are nested too deep"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := envfile.Parse("x.env", []byte(tc.doc), outside)
			var syntax *envfile.SyntaxError
			if !errors.As(err, &syntax) || got != nil {
				t.Fatalf("%v, %v; want a SyntaxError", got, err)
			}
			if !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("error %q, want %q", err, tc.want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("a value is in the message: %v", err)
			}
		})
	}
}

func TestParseRefusesOnlyWhatItMust(t *testing.T) {
	for doc, want := range map[string]map[string]string{
		"A=${NOPE:-a}b}\n":         {"A": "ab}"},
		"A=\"x\"   \nB=1":          {"A": "x", "B": "1"},
		"A='$NOPE ${'\nB=$$NOPE":   {"A": "$NOPE ${", "B": "$NOPE"},
		"A=${NOPE:-{\"a\":1}}":     {"A": "{\"a\":1}"},
		"A=1\nHOME":                {"A": "1", "HOME": "/home/x"},
		"A=${EMPTY:-x\u00a0y}":     {"A": "x\u00a0y"},
		"A=\"${NOPE:-one\ntwo}\"":  {"A": "one\ntwo"},
		"A=\"x\ty\" \t# c\nexport": {"A": "x\ty"},
	} {
		got, err := envfile.Parse("x.env", []byte(doc), outside)
		if err != nil {
			t.Errorf("%q: %v", doc, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", doc, diff)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, doc := range same {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		env, err := envfile.Parse("x.env", doc, outside)
		if err != nil {
			if syntax := (*envfile.SyntaxError)(nil); !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Line > 1+bytes.Count(doc, []byte("\n")) {
				t.Fatalf("error %v", err)
			}
			return
		}
		for name := range env {
			if name == "" || strings.ContainsAny(name, "= \n\x00") {
				t.Fatalf("name %q", name)
			}
		}
	})
}
