package executortest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// remote is an executor whose every call is made by a process of its own.
type remote struct {
	t       *testing.T
	command func(*testing.T) *exec.Cmd
}

var (
	_ executor.Executor = (*remote)(nil)
	_ executor.Process  = (*remoteProcess)(nil)
)

// call runs one process for one request.
func (r *remote) call(ctx context.Context, req request) (reply, error) {
	in, err := json.Marshal(req)
	if err != nil {
		return reply{}, fmt.Errorf("%s in another process: %w", req.Op, err)
	}
	cmd := r.command(r.t)
	var out, errOut bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &errOut
	if err := cmd.Start(); err != nil {
		return reply{}, fmt.Errorf("%s in another process: %w", req.Op, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = cmd.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		_ = cmd.Process.Kill() // it may have ended just now
		<-done
		return reply{}, context.Cause(ctx)
	}
	if err != nil {
		return reply{}, fmt.Errorf("%s in another process: %w; it says: %s", req.Op, err, errOut.String())
	}
	var rep reply
	if err := json.Unmarshal(out.Bytes(), &rep); err != nil {
		return reply{}, fmt.Errorf("%s in another process: %w; it says: %s", req.Op, err, errOut.String())
	}
	return rep, rep.err()
}

func (r *remote) process(rep reply, err error) (executor.Process, error) {
	if err != nil {
		return nil, err
	}
	return &remoteProcess{r: r, handle: rep.Handle}, nil
}

func (r *remote) Probe(ctx context.Context) (executor.Info, error) {
	rep, err := r.call(ctx, request{Op: opProbe})
	return rep.Info, err
}

func (r *remote) Resolve(ctx context.Context, req executor.ImageRequest) (executor.Image, error) {
	rep, err := r.call(ctx, request{Op: opResolve, Image: req})
	return rep.Image, err
}

func (r *remote) Start(ctx context.Context, spec executor.Spec) (executor.Process, error) {
	return r.process(r.call(ctx, request{Op: opStart, Spec: spec}))
}

func (r *remote) Attach(ctx context.Context, h executor.Handle) (executor.Process, error) {
	return r.process(r.call(ctx, request{Op: opAttach, Handle: h}))
}

func (r *remote) Sweep(ctx context.Context, labels map[string]string) (int, error) {
	rep, err := r.call(ctx, request{Op: opSweep, Labels: labels})
	return rep.Count, err
}

// remoteProcess is a container that each call attaches to anew.
type remoteProcess struct {
	r      *remote
	handle executor.Handle
}

func (p *remoteProcess) Handle() executor.Handle { return p.handle }

// Follow writes at the end only, all at once.
func (p *remoteProcess) Follow(ctx context.Context, stdout, stderr io.Writer) error {
	rep, err := p.r.call(ctx, request{Op: opFollow, Handle: p.handle})
	if err != nil {
		return err
	}
	_, outErr := stdout.Write(rep.Stdout)
	_, errErr := stderr.Write(rep.Stderr)
	return errors.Join(outErr, errErr)
}

func (p *remoteProcess) Wait(ctx context.Context) (executor.Exit, error) {
	rep, err := p.r.call(ctx, request{Op: opWait, Handle: p.handle})
	return rep.Exit, err
}

func (p *remoteProcess) Stop(ctx context.Context, grace time.Duration) error {
	_, err := p.r.call(ctx, request{Op: opStop, Handle: p.handle, Grace: grace})
	return err
}

func (p *remoteProcess) Remove(ctx context.Context) error {
	_, err := p.r.call(ctx, request{Op: opRemove, Handle: p.handle})
	return err
}
