package job_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/job"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestFindings compares everything that is said about the documents in
// testdata/errors with the golden files next to them.
func TestFindings(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		if strings.HasSuffix(file, ".golden") {
			continue
		}
		seen++
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := report(t, filepath.Base(file), data)
			if strings.Contains(got, "hunter2") {
				t.Error("the value of an environment variable is shown")
			}
			compareGolden(t, file+".golden", got)
		})
	}
	if seen == 0 {
		t.Fatal("no documents in testdata/errors")
	}
}

func report(t *testing.T, name string, data []byte) string {
	t.Helper()
	warnings, err := job.Check(name, data)
	var problems job.SyntaxErrors
	if err != nil && !errors.As(err, &problems) {
		t.Fatalf("the error is %T, want SyntaxErrors", err)
	}
	if len(problems)+len(warnings) == 0 {
		t.Fatal("nothing was found")
	}
	checkOrder(t, problems)
	checkOrder(t, warnings)
	var out strings.Builder
	for _, p := range problems {
		out.WriteString(p.Detail() + "\n")
	}
	for _, w := range warnings {
		out.WriteString("warning: " + w.Detail() + "\n")
	}
	return out.String()
}

func checkOrder(t *testing.T, list []*job.SyntaxError) {
	t.Helper()
	last := job.Position{}
	for _, p := range list {
		at := job.Position{Line: p.Line, Column: p.Column}
		if at.Before(last) {
			t.Errorf("%v stands after line %d, column %d", p, last.Line, last.Column)
		}
		last = at
	}
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); run with -update if that is meant:\n%s", file, diff)
	}
}
