package archtest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// claimHeading is how a table of docs/compatibility.md begins.
const claimHeading = "| the page says | kog does | proof |"

// planned in the place of a proof says that there is none yet.
const planned = "*planned*"

// claim is one row: something that the documentation of version 2 says.
type claim struct{ says, does, proof string }

// readClaims reads every table with the heading.
func readClaims(doc string) ([]claim, error) {
	var out []claim
	in := false
	for line := range strings.Lines(doc) {
		line = strings.TrimSpace(line)
		switch {
		case line == claimHeading:
			in = true
		case !in || strings.HasPrefix(line, "| ---"):
		case !strings.HasPrefix(line, "|"):
			in = false
		default:
			cells := strings.Split(strings.Trim(line, "|"), " | ")
			if len(cells) != 3 {
				return nil, fmt.Errorf("not three cells: %s", line)
			}
			out = append(out, claim{strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])})
		}
	}
	return out, nil
}

var testName = regexp.MustCompile(`^(Test|Fuzz|Benchmark)\w+$`)

// faults lists what is wrong with the proof of a claim: each name in code marks
// is a file, or a test in one of the files before it.
func (c claim) faults(files fs.FS) []string {
	if c.proof == planned {
		return nil
	}
	var out []string
	var text string
	proofs := names(c.proof)
	for _, name := range proofs {
		if !testName.MatchString(name) {
			data, err := fs.ReadFile(files, name)
			if err != nil {
				out = append(out, fmt.Sprintf("%s: no file %s", c.says, name))
			}
			text += string(data)
			continue
		}
		if !strings.Contains(text, "\nfunc "+name+"(") {
			out = append(out, fmt.Sprintf("%s: no test %s in the files before it", c.says, name))
		}
	}
	if len(proofs) == 0 {
		out = append(out, fmt.Sprintf("%s: neither a proof nor the word %s", c.says, planned))
	}
	return out
}

// documentedFlags are the flags that the documentation page has.
var documentedFlags = []string{
	"--file", "--executor", "--context", "--env", "--env-file", "--import-current-env", "--ignore-env", "--volume",
	"--log-formatter", "--remote-logger", "--remote-logger-addr", "--notifier", "--use-job-rc", "--version", "--list",
}

func TestCompatibility(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(root, "docs", "compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	claims, err := readClaims(string(doc))
	if err != nil {
		t.Fatal(err)
	}
	var flags []string
	for _, c := range claims {
		for _, fault := range c.faults(os.DirFS(root)) {
			t.Error(fault)
		}
		for _, name := range names(c.says) {
			flag, _, _ := strings.Cut(name, " ")
			flag, _, _ = strings.Cut(flag, "=")
			flags = append(flags, flag)
		}
	}
	for _, flag := range documentedFlags {
		if !slices.Contains(flags, flag) {
			t.Errorf("docs/compatibility.md has no row for %s", flag)
		}
	}
}

// TestClaimFaults shows that the test can fail.
func TestClaimFaults(t *testing.T) {
	const doc = "text\n\n" + claimHeading + "\n| --- | --- | --- |\n" +
		"| a | does | `internal/archtest/compatibility_test.go` `TestClaimFaults` |\n" +
		"| b | does not | " + planned + " |\n" +
		"| c | does | `internal/archtest/compatibility_test.go` `TestNothing` |\n" +
		"| d | does | `no/file.go` |\n" +
		"| e | does | somewhere |\n" +
		"| f | does | `TestClaimFaults` |\n\n| other | table |\n"
	claims, err := readClaims(doc)
	if err != nil || len(claims) != 6 {
		t.Fatalf("%v, %v", claims, err)
	}
	var got []string
	for _, c := range claims {
		got = append(got, c.faults(os.DirFS(root))...)
	}
	want := []string{
		"c: no test TestNothing in the files before it", "d: no file no/file.go",
		"e: neither a proof nor the word *planned*", "f: no test TestClaimFaults in the files before it",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if _, err := readClaims(claimHeading + "\n| a | b |\n"); err == nil {
		t.Error("a row of two cells is read")
	}
}
