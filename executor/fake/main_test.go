package fake_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"go.uber.org/goleak"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
)

func TestMain(m *testing.M) {
	if os.Getenv(defectVariable) != "" {
		os.Exit(m.Run()) // what a broken executor leaves behind is the point there
	}
	goleak.VerifyTestMain(m)
}

// image is a container that prints its ID and ends with a code, after hanging
// until it is killed when its command line says so.
func image() fake.Image {
	return fake.Image{Program: func(ctx context.Context, p *fake.Proc) executor.Exit {
		_, _ = fmt.Fprintln(p.Stdout, p.Spec.ID)
		if len(p.Args) > 0 && p.Args[0] == "hang" {
			<-ctx.Done()
		}
		return executor.Exit{Code: 5}
	}}
}

// newHost gives a host with the image "x:1".
func newHost(t *testing.T) (*fake.Host, *fake.Executor) {
	t.Helper()
	host := fake.NewHost()
	t.Cleanup(host.Close)
	host.AddImage("x:1", image())
	return host, host.Executor()
}

func spec(id string, args ...string) executor.Spec {
	return executor.Spec{ID: id, Image: "x:1", Args: args, Labels: map[string]string{"run": "r1", "step": id}}
}

func start(t *testing.T, exec executor.Executor, s executor.Spec) executor.Process {
	t.Helper()
	p, err := exec.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantCode(t *testing.T, p executor.Process, code int) {
	t.Helper()
	if exit, err := p.Wait(t.Context()); err != nil || exit.Code != code {
		t.Errorf("Wait gives %+v, %v; want code %d", exit, err, code)
	}
}

func follow(t *testing.T, p executor.Process) error {
	t.Helper()
	return p.Follow(t.Context(), io.Discard, io.Discard)
}
