package report_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/internal/report"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// memory is a source that makes up a run of many visits while it is read, so
// that only the report takes memory.
type memory struct {
	visits int
	text   string
}

func (m memory) Events(each func(event.Event) error) error {
	seq, now := uint64(0), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	write := func(p event.Payload) error {
		seq++
		now = now.Add(10 * time.Millisecond)
		return each(event.Event{Seq: seq, Time: now, Run: "r", Payload: p})
	}
	err := write(event.RunStarted{Task: "many", Start: job.Cursor{Workflow: "run", Step: "start"}, Context: job.Values{}})
	for n := 1; n <= m.visits && err == nil; n++ {
		err = m.visit(n, write)
	}
	if err != nil {
		return err
	}
	return write(event.RunFinished{Status: job.Failure, Message: m.text, Steps: m.visits})
}

func (m memory) visit(n int, write func(event.Payload) error) error {
	at, outcome := job.Cursor{Workflow: "run", Step: fmt.Sprintf("step-%d", n%50)}, job.Success
	if n%3 == 0 {
		outcome = job.Failure
	}
	values := job.Values{"n": fmt.Sprint(n), "text": m.text + fmt.Sprint(n)}
	for _, p := range []event.Payload{
		event.StepStarting{Attempt: n, At: at, Action: m.text, Image: m.text, ContainerID: "c"},
		event.StepStarted{Attempt: n, Handle: []byte("{}"), Image: m.text, Pinned: m.text},
		event.StepFinished{Attempt: n, At: at, Outcome: outcome, Message: m.text, Context: &values, Warnings: []string{m.text}},
		event.StepRemoved{Attempt: n},
	} {
		if err := write(p); err != nil {
			return err
		}
	}
	return nil
}

func (m memory) OpenLog(_ int, _, stream string) (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(
		strings.NewReader("the beginning on "+stream+"\n"), strings.NewReader(strings.Repeat(m.text+"\n", 40)), strings.NewReader("the end on "+stream+"\n"),
	)), nil
}

// GitHub takes a summary of up to 1 MiB, whatever is in it.
func TestMarkdownFitsASummary(t *testing.T) {
	for _, text := range []string{"x", strings.Repeat("<`|\x00", 500)} {
		var b strings.Builder
		if err := report.Write(&b, "markdown", memory{3000, text}); err != nil {
			t.Fatal(err)
		}
		if b.Len() >= 1<<20 {
			t.Errorf("%d bytes", b.Len())
		}
		if got := b.String(); !strings.Contains(got, "visits left out |") || !strings.Contains(got, "| 3000 |") || !strings.Contains(got, "| 1 |") {
			t.Error("the first and the last visit, or the note of those left out, are missing")
		}
	}
}

func TestLongRuns(t *testing.T) {
	const visits = 3100
	src := memory{visits, "y"}
	var junit, page strings.Builder
	for kind, b := range map[string]*strings.Builder{"junit": &junit, "html": &page} {
		if err := report.Write(b, kind, src); err != nil {
			t.Fatal(err)
		}
	}
	if s := parseJUnit(t, junit.String()); s.Tests != visits || s.Failures == 0 {
		t.Errorf("%d tests, %d failures", s.Tests, s.Failures)
	}
	if n := strings.Count(page.String(), "<details"); n != 2000 {
		t.Errorf("the page shows %d visits, want 2000", n)
	}
	if n := strings.Count(page.String(), "visits left out; the journal") + strings.Count(page.String(), "visit left out; the journal"); n == 0 {
		t.Error("the page does not say what it leaves out")
	}
}

// BenchmarkWrite reports a run of 10,000 visits with 4 kB of output each. It
// also says by how much the heap was larger at its largest.
func BenchmarkWrite(b *testing.B) {
	src := memory{10_000, strings.Repeat("z", 100)}
	for _, kind := range []string{"junit", "markdown", "html"} {
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			var peak peakWriter
			before := heap()
			for b.Loop() {
				peak.n = 0
				if err := report.Write(&peak, kind, src); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(peak.n)/1e6, "MB-report")
			b.ReportMetric(float64(int64(peak.heap)-int64(before))/1e6, "MB-heap")
		})
	}
}

// peakWriter counts bytes, and looks at the heap at every megabyte.
type peakWriter struct {
	n, next int
	heap    uint64
}

func (w *peakWriter) Write(p []byte) (int, error) {
	if w.n += len(p); w.n >= w.next {
		w.next = w.n + 1<<20
		w.heap = max(w.heap, heap())
	}
	return len(p), nil
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
