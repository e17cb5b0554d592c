package job_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// TestLimits feeds documents that are built to cost memory or time. Each has to
// be refused with one error that names the limit.
func TestLimits(t *testing.T) {
	longText := "a: &a " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.Repeat("*a, ", 50) + "]\n"
	wideMerges := "a: &a {" + pairs(3000) + "}\nb:\n" + strings.Repeat("- {<<: *a}\n", 3000)
	tests := map[string]struct{ text, want string }{
		"100 MB YAML":           {strings.Repeat("a: b\n", 20<<20), "the file has 104857600 bytes: at most 16777216 are read"},
		"100 MB JSON":           {`{"a": "` + strings.Repeat("x", 100_000_000), "the file has 100000007 bytes: at most"},
		"nested JSON":           {strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000), "deeper than 100 levels"},
		"nested open JSON":      {`{"a":` + strings.Repeat(`[`, 1_000_000), "deeper than 100 levels"},
		"nested flow YAML":      {"a: " + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), "deeper than 100 levels"},
		"nested flow maps":      {"a: " + strings.Repeat("{a: ", 10_000), "deeper than 100 levels"},
		"nested dashes":         {strings.Repeat("- ", 10_000), "deeper than 100 levels"},
		"nested question marks": {strings.Repeat("? ", 10_000), "deeper than 100 levels"},
		"nested block YAML":     {nested(5000), "deeper than 100 levels"},
		"nested by aliases":     {aliasTower(), "deeper than 100 levels"},
		"laughs":                {laughs("k: "), "more than 500000 values once its aliases are written out"},
		"merged laughs":         {laughs("<<: "), "more than 500000 values once its aliases are written out"},
		"wide merges":           {wideMerges, "more than 500000 values"},
		"long laughs":           {longText, "more than 33554432 bytes of text once its aliases are written out"},
		"values in JSON":        {`{"a":[` + strings.Repeat("0,", 600_000) + "0]}", "the document has more than 500000 values"},
		"values in YAML":        {"a: [" + strings.Repeat("0,", 600_000) + "0]", "more than 500000 lines, commas"},
		"lines":                 {strings.Repeat("\n", 16<<20), "more than 500000 lines, commas"},
		"anchors":               {strings.Repeat("&a ", 5<<20), "more than 500000 lines, commas"},
		"tags":                  {strings.Repeat("!a ", 5<<20), "more than 500000 lines, commas"},
		"quotes":                {strings.Repeat(`"a" `, 4<<20), "more than 500000 lines, commas"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := job.Parse("bomb", []byte(tt.text))
			checkOneError(t, err, tt.want)
		})
	}
}

func checkOneError(t *testing.T, err error, want string) {
	t.Helper()
	var problems job.SyntaxErrors
	if !errors.As(err, &problems) || len(problems) != 1 || !strings.Contains(problems[0].Err.Error(), want) {
		t.Errorf("got %.300v, want one error with %q", err, want)
	}
	if err != nil && len(err.Error()) > 300 {
		t.Errorf("the message has %d bytes", len(err.Error()))
	}
}

func nested(levels int) string {
	var b strings.Builder
	for i := range levels {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// aliasTower nests 40 levels three times by aliases.
func aliasTower() string {
	var b strings.Builder
	last := "1"
	for i := range 3 {
		fmt.Fprintf(&b, "a%d: &a%d %s%s%s\n", i, i, strings.Repeat("[", 40), last, strings.Repeat("]", 40))
		last = fmt.Sprintf("*a%d", i)
	}
	return b.String()
}

// pairs are n different keys of a flow mapping.
func pairs(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("k%d: 1", i)
	}
	return strings.Join(list, ", ")
}

// laughs grows tenfold with each line. before stands in front of the list.
func laughs(before string) string {
	b := strings.Builder{}
	fmt.Fprintf(&b, "x0: &x0 {%s}\n", pairs(10))
	for i := 1; i < 60; i++ {
		list := strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i-1), 10), ", ")
		fmt.Fprintf(&b, "x%d: &x%d {%s[%s]}\n", i, i, before, list)
	}
	return b.String()
}

// TestWithinLimits parses documents right below the limits.
func TestWithinLimits(t *testing.T) {
	tests := map[string]string{
		"depth in JSON":  `{"a":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + "}",
		"depth in YAML":  "a: " + strings.Repeat("[", 99) + strings.Repeat("]", 99),
		"block depth":    nested(99) + strings.Repeat(" ", 99) + "a: 1\n",
		"values in JSON": `{"a":[` + strings.Repeat("0,", 499_997) + "0]}",
		"long text":      `{"a":"` + strings.Repeat("x", job.MaxBytes-20) + `"}`,
		"long YAML text": "a: |\n" + strings.Repeat("  0123456789\n", 400_000),
		"aliased values": "a: &a [" + strings.Repeat("0,", 99_000) + "0]\nb: *a\nc: *a\nd: *a\n",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := job.ParseContext("large", []byte(text)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestMemory bounds what the most expensive documents allocate altogether.
// That is more than is held at a time, and unlike it the same in every run.
func TestMemory(t *testing.T) {
	var keys bytes.Buffer
	for i := range 240_000 {
		fmt.Fprintf(&keys, "key%d: 1\n", i)
	}
	tests := map[string][]byte{
		"keys":       keys.Bytes(),
		"flow map":   []byte("a: {" + strings.Repeat("a,", 249_000) + "}"),
		"null items": []byte(strings.Repeat("-\n", 249_000)),
		"env lines":  []byte(`{"env": {"A": "` + strings.Repeat(`\n`, 8_000_000) + `"}}`),
		"long plain": []byte("a: " + strings.Repeat("b ", 8<<20)[:job.MaxBytes-10]),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := job.Parse("large", data)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Error("that is no job, want an error")
			}
			const most = 512 << 20
			if used := after.TotalAlloc - before.TotalAlloc; used > most {
				t.Errorf("parsing %d bytes allocated %d MB, want at most %d", len(data), used>>20, most>>20)
			}
		})
	}
}

// TestManyFindings has one error a step, each with thousands of names to
// suggest from.
func TestManyFindings(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"name":"x","workflows":{"run":{"start":{"action":"a"}`)
	for i := range 10_000 {
		fmt.Fprintf(&b, `,"step-number-%06d":{"action":"aa","success":"step-numbr-%06d"}`, i, i)
	}
	b.WriteString(`}},"actions":{"a":{"image":"x"}}}`)
	warnings, err := job.Check("many", []byte(b.String()))
	var problems job.SyntaxErrors
	if !errors.As(err, &problems) {
		t.Fatal("no errors found")
	}
	if len(problems) != 101 || len(warnings) != 101 {
		t.Errorf("%d errors and %d warnings, want 101 of each", len(problems), len(warnings))
	}
	if got := problems[0].Err.Error(); !strings.Contains(got, `did you mean "step-number-`) {
		t.Errorf("no suggestion in %s", got)
	}
}
