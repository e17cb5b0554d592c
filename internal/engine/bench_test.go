package engine_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
	"gitlab.com/f5-pwe/kog/v3/internal/engine"
	"gitlab.com/f5-pwe/kog/v3/internal/journal"
	"gitlab.com/f5-pwe/kog/v3/job"
)

const endless = "name: endless\nworkflows: {run: {start: {action: a, success: start}}}\nactions: {a: {image: a, version: 1}}"

// BenchmarkSteps is the engine's own cost of a step: the fake executor, a real
// journal in a folder, which is on a RAM disk where there is one. It also says
// how much the heap has grown from the first thousand steps to the last.
func BenchmarkSteps(b *testing.B) {
	dir, err := os.MkdirTemp("/dev/shm", "kog-bench-")
	if err != nil {
		dir = b.TempDir()
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	j, err := job.Parse("job.yaml", []byte(endless))
	if err != nil {
		b.Fatal(err)
	}
	host := fake.NewHost()
	defer host.Close()
	host.Record(false)
	host.AddImage("a:1", fake.Image{Program: func(_ context.Context, p *fake.Proc) executor.Exit {
		_, _ = fmt.Fprintln(p.Stdout, `KOG:{"result":"success","message":"ok","context":{"a":1}}`)
		return executor.Exit{}
	}})
	run, err := journal.NewStore(dir).Create("r", []byte(endless))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = run.Close() }()
	heap := &heapSink{}
	cfg := engine.Config{Job: j, Executor: host.Executor(), Journal: run, Sink: heap}
	opening := event.RunStarted{Task: "endless", Start: j.Start(), Options: event.Options{MaxSteps: b.N}}
	b.ReportAllocs()
	b.ResetTimer()
	if _, err := engine.Run(context.Background(), cfg, engine.Entry{Run: "r", Opening: opening}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
	b.ReportMetric(float64(int64(heapInUse())-int64(heap.early))/1e6, "MB-growth")
}

// heapSink notes the heap after a thousand steps.
type heapSink struct{ early uint64 }

func (s *heapSink) Handle(_ context.Context, e event.Event, after event.State) {
	if after.Attempts == 1000 && e.Payload.Kind() == "step_finished" {
		s.early = heapInUse()
	}
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
