package executortest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
)

// serve makes one call as it goes between two processes.
func serve(t *testing.T, exec executor.Executor, req request) (reply, error) {
	t.Helper()
	in, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Serve(t.Context(), exec, bytes.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	var rep reply
	if err := json.Unmarshal(out.Bytes(), &rep); err != nil {
		t.Fatal(err)
	}
	return rep, rep.err()
}

func TestServe(t *testing.T) {
	host := fake.NewHost()
	t.Cleanup(host.Close)
	printed := make(chan struct{})
	host.AddImage("x:1", fake.Image{Program: func(ctx context.Context, p *fake.Proc) executor.Exit {
		_, _ = fmt.Fprint(p.Stdout, "out", len(p.Spec.Stdin))
		_, _ = fmt.Fprint(p.Stderr, "err\x00\xff")
		close(printed)
		<-ctx.Done()
		return executor.Exit{}
	}})
	exec := host.Executor()
	call := func(req request) reply {
		t.Helper()
		rep, err := serve(t, exec, req)
		if err != nil {
			t.Fatalf("%s: %v", req.Op, err)
		}
		return rep
	}
	if rep := call(request{Op: opProbe}); rep.Info.Name != fake.Name || !rep.Info.Has(executor.FeatureStdin) {
		t.Errorf("probe: %+v", rep.Info)
	}
	img := call(request{Op: opResolve, Image: executor.ImageRequest{Ref: "x:1"}}).Image
	labels := map[string]string{"a": "b"}
	h := call(request{Op: opStart, Spec: executor.Spec{ID: "c", Image: img.Pinned, Stdin: []byte("\x00\xff"), Labels: labels}}).Handle
	if rep := call(request{Op: opAttach, Handle: h}); rep.Handle != h {
		t.Errorf("attach: %+v, want %+v", rep.Handle, h)
	}
	<-printed
	call(request{Op: opStop, Handle: h})
	if rep := call(request{Op: opWait, Handle: h}); rep.Exit.Code != 137 {
		t.Errorf("wait: %+v", rep.Exit)
	}
	if rep := call(request{Op: opFollow, Handle: h}); string(rep.Stdout) != "out2" || string(rep.Stderr) != "err\x00\xff" {
		t.Errorf("follow: %q and %q", rep.Stdout, rep.Stderr)
	}
	if rep := call(request{Op: opSweep, Labels: labels}); rep.Count != 1 {
		t.Errorf("sweep: %d", rep.Count)
	}
	if _, err := serve(t, exec, request{Op: opRemove, Handle: h}); !errors.Is(err, executor.ErrNotFound) {
		t.Errorf("remove of a swept container: %v", err)
	}
}

// TestErrorsTravel: what callers branch on arrives in the other process.
func TestErrorsTravel(t *testing.T) {
	host := fake.NewHost()
	t.Cleanup(host.Close)
	for name, sentinel := range sentinels() {
		remove := host.Inject(fake.Fault{Err: fmt.Errorf("wrapped: %w", sentinel)})
		_, err := serve(t, host.Executor(), request{Op: opProbe})
		if !errors.Is(err, sentinel) {
			t.Errorf("%s arrives as %v", name, err)
		}
		for other, s := range sentinels() {
			if other != name && errors.Is(err, s) {
				t.Errorf("%s arrives as %s too", name, other)
			}
		}
		remove()
	}
	if _, err := serve(t, host.Executor(), request{Op: "dance"}); err == nil {
		t.Error("an unknown call gives no error")
	}
}

func TestDemanded(t *testing.T) {
	for _, tt := range []struct {
		list, what string
		want       bool
	}{
		{"", "docker", false},
		{"docker,kube", "docker", true},
		{"docker, kube", "kube", true},
		{"docker", "dock", false},
		{"docker", "docker/stdin", false},
		{"docker/stdin", "docker/stdin", true},
		{"docker/stdin", "docker", false},
		{"docker/*", "docker/memory-limit", true},
		{"docker/*", "kube/memory-limit", false},
	} {
		if got := demanded(tt.list, tt.what); got != tt.want {
			t.Errorf("%q demands %q: %v, want %v", tt.list, tt.what, got, tt.want)
		}
	}
	if got := featureKey("docker", executor.FeatureMemoryLimit); got != "docker/memory-limit" {
		t.Errorf("the key of an ability is %q", got)
	}
}

// TestSubtestNames: Config.Skip and the documentation name them.
func TestSubtestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range groups() {
		for _, sub := range g.tests {
			name := g.name + "/" + sub.name
			if seen[name] || sub.run == nil {
				t.Errorf("subtest %q is there twice, or empty", name)
			}
			seen[name] = true
		}
	}
}

func TestCommands(t *testing.T) {
	got := commands([]string{"exit", "0"}, []string{"hold"})
	if !slices.Equal(got, []string{"exit", "0", "--", "hold"}) {
		t.Errorf("commands gives %q", got)
	}
	if merged := with(map[string]string{"a": "1", "b": "1"}, map[string]string{"b": "2"}); !reflect.DeepEqual(merged, map[string]string{"a": "1", "b": "2"}) {
		t.Errorf("with gives %v", merged)
	}
}
