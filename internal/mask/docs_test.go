package mask_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/internal/mask"
)

// The page for users lists exactly what is masked and what is not.
func TestDocumentedNames(t *testing.T) {
	data, err := os.ReadFile("../../docs/masking.md")
	if err != nil {
		t.Fatal(err)
	}
	var patterns []string
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "      "); ok {
			patterns = append(patterns, strings.Fields(rest)...)
		}
	}
	if !slices.Equal(patterns, mask.Patterns()) {
		t.Errorf("documented %v, want %v", patterns, mask.Patterns())
	}
	_, rest, _ := strings.Cut(string(data), "- the words `")
	words, _, _ := strings.Cut(rest, "`")
	if got := strings.Fields(words); !slices.Equal(got, mask.Common()) {
		t.Errorf("documented %v, want %v", got, mask.Common())
	}
}
