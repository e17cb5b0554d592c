package job_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// bigJob is a YAML job of n steps, all mappings and a duration each.
func bigJob(n int) []byte {
	var b strings.Builder
	b.WriteString("name: big\nworkflows:\n  run:\n")
	for i := range n {
		name := fmt.Sprintf("step-%d", i)
		if i == 0 {
			name = job.DefaultStep
		}
		last := fmt.Sprintf("step-%d", n-1)
		fmt.Fprintf(&b, "    %s:\n      action: work\n      success: step-%d\n      failure: %s\n      abort: %s\n      timeout: %s\n      duration: 30m\n",
			name, min(i+1, n-1), last, last, last)
	}
	b.WriteString("actions:\n  work:\n    image: example.org/work\n    version: 1.10\n")
	return []byte(b.String())
}

func BenchmarkParse(b *testing.B) {
	inYAML := bigJob(10_000)
	j, err := job.Parse("big.yaml", inYAML)
	if err != nil {
		b.Fatal(err)
	}
	inJSON, err := json.Marshal(j)
	if err != nil {
		b.Fatal(err)
	}
	for name, data := range map[string][]byte{"yaml": inYAML, "json": inJSON} {
		b.Run(name+"/steps=10000", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := job.Parse("big", data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNext(b *testing.B) {
	j, err := job.Parse("big.yaml", bigJob(10_000))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	at := j.Start()
	for b.Loop() {
		next, ok, err := j.Next(at, job.Success)
		if err != nil || !ok {
			b.Fatal(ok, err)
		}
		at = next
	}
}
