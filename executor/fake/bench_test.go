package fake_test

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
)

// BenchmarkLife is one container from Start to Remove, with a line of output.
func BenchmarkLife(b *testing.B) {
	host := fake.NewHost()
	defer host.Close()
	host.Record(false)
	host.AddImage("x:1", fake.Image{Program: func(_ context.Context, p *fake.Proc) executor.Exit {
		_, _ = fmt.Fprintln(p.Stdout, `KOG:{"result":"success"}`)
		return executor.Exit{}
	}})
	exec, ctx := host.Executor(), b.Context()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		p, err := exec.Start(ctx, executor.Spec{
			ID: "bench-" + strconv.Itoa(i), Image: "x:1",
			Env: map[string]string{"KOG_CONTEXT": "e30="}, Labels: map[string]string{"run": "1"},
			Files: []executor.File{{Path: "/run/kog/context.json", Data: []byte("{}")}},
		})
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Follow(ctx, io.Discard, io.Discard); err != nil {
			b.Fatal(err)
		}
		if _, err := p.Wait(ctx); err != nil {
			b.Fatal(err)
		}
		if err := p.Remove(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
