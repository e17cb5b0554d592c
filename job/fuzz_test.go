package job_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// addDocuments gives the fuzzer the documents of the golden tests to start from.
func addDocuments(f *testing.F) {
	f.Add([]byte(settingsJob))
	files, err := filepath.Glob("testdata/errors/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "testdata/documented.yaml") {
		if strings.HasSuffix(file, ".golden") {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

// FuzzParse: whatever the bytes are, Parse does not panic, its findings have
// places inside of the document, and what parses can be printed, parsed and
// walked.
func FuzzParse(f *testing.F) {
	addDocuments(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := job.Parse("fuzz", data)
		if err != nil {
			checkPlaces(t, err, data)
			return
		}
		if err := roundTrip(j); err != nil {
			t.Fatal(err)
		}
		if err := staysInside(j); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzParseContext: as FuzzParse, for contexts.
func FuzzParseContext(f *testing.F) {
	addDocuments(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		want, err := job.ParseContext("fuzz", data)
		if err != nil {
			checkPlaces(t, err, data)
			return
		}
		printed, err := json.Marshal(want)
		if err != nil {
			t.Fatalf("print %v: %v", want, err)
		}
		got, err := job.ParseContext("printed", printed)
		if err != nil {
			t.Fatalf("parse what was printed: %v\n%s", err, printed)
		}
		if !reflect.DeepEqual(want, got) {
			t.Fatalf("%v is printed as %s and parsed to %v", want, printed, got)
		}
		decoded, err := job.DecodeValues(printed)
		if err != nil || !reflect.DeepEqual(want, decoded) {
			t.Fatalf("decoded to %v, %v; want %v", decoded, err, want)
		}
	})
}

func checkPlaces(t *testing.T, err error, data []byte) {
	t.Helper()
	var problems job.SyntaxErrors
	if !errors.As(err, &problems) || len(problems) == 0 {
		t.Fatalf("the error is %T, want SyntaxErrors", err)
	}
	lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") +
		strings.Count(string(data), "\u0085") + strings.Count(string(data), "\u2028") + strings.Count(string(data), "\u2029") + 1
	for _, p := range problems {
		if p.Line < 1 || p.Column < 1 || p.Line > lines || p.Column > len(data)+1 {
			t.Errorf("%v: the document has %d lines and %d bytes", p, lines, len(data))
		}
		if strings.Count(p.Snippet, "\n") > 1 {
			t.Errorf("the excerpt has more than two lines:\n%s", p.Snippet)
		}
	}
}
