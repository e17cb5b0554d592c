package job_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/job"
)

var codeBlock = regexp.MustCompile("(?ms)^```(yaml|text)\n(.*?)^```$")

// TestReferencePage holds docs/job-file.md to its word: its jobs parse without
// a finding, and the findings it shows are those of the job above them.
func TestReferencePage(t *testing.T) {
	page, err := os.ReadFile("../docs/job-file.md")
	if err != nil {
		t.Fatal(err)
	}
	jobs, reports := 0, 0
	last := ""
	for _, block := range codeBlock.FindAllStringSubmatch(string(page), -1) {
		language, text := block[1], block[2]
		switch {
		case language == "text":
			reports++
			if diff := cmp.Diff(text, report(t, "wrong.yaml", []byte(last))); diff != "" {
				t.Errorf("the findings shown differ (-page +real):\n%s", diff)
			}
		case !strings.HasPrefix(text, "#"):
			jobs++
			j, err := job.Parse("job-file.md", []byte(text))
			if err != nil {
				t.Error(err)
			} else if err := j.Strict(); err != nil {
				t.Error(err)
			}
		}
		last = text
	}
	if jobs != 3 || reports != 1 {
		t.Errorf("the page has %d jobs and %d reports, want 3 and 1", jobs, reports)
	}
}
