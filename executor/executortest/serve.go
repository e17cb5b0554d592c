package executortest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// The calls that another process can be asked for.
const (
	opProbe   = "probe"
	opResolve = "resolve"
	opStart   = "start"
	opAttach  = "attach"
	opSweep   = "sweep"
	opFollow  = "follow"
	opWait    = "wait"
	opStop    = "stop"
	opRemove  = "remove"
)

type request struct {
	Op     string                `json:"op"`
	Spec   executor.Spec         `json:"spec"`
	Image  executor.ImageRequest `json:"image"`
	Handle executor.Handle       `json:"handle"`
	Labels map[string]string     `json:"labels"`
	Grace  time.Duration         `json:"grace"`
}

type reply struct {
	Info   executor.Info   `json:"info"`
	Image  executor.Image  `json:"image"`
	Handle executor.Handle `json:"handle"`
	Exit   executor.Exit   `json:"exit"`
	Count  int             `json:"count"`
	Stdout []byte          `json:"stdout"`
	Stderr []byte          `json:"stderr"`
	Error  string          `json:"error"`
	Is     []string        `json:"is"` // the sentinels that the error matches
}

// sentinels by the names under which they travel.
func sentinels() map[string]error {
	return map[string]error{
		"not found":       executor.ErrNotFound,
		"image not found": executor.ErrImageNotFound,
		"unauthorized":    executor.ErrUnauthorized,
		"unreachable":     executor.ErrUnreachable,
		"unsupported":     executor.ErrUnsupported,
		"disk full":       executor.ErrDiskFull,
		"env too large":   executor.ErrEnvTooLarge,
	}
}

// Serve makes one call on exec: it reads which from r and writes what came of
// it to w. An error means that w does not have it. It is what the process of
// Config.NewProcess has to run.
func Serve(ctx context.Context, exec executor.Executor, r io.Reader, w io.Writer) error {
	var req request
	if err := json.NewDecoder(r).Decode(&req); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	rep, err := req.perform(ctx, exec)
	if err != nil {
		rep.Error = err.Error()
		for name, sentinel := range sentinels() {
			if errors.Is(err, sentinel) {
				rep.Is = append(rep.Is, name)
			}
		}
	}
	if err := json.NewEncoder(w).Encode(rep); err != nil {
		return fmt.Errorf("write the reply: %w", err)
	}
	return nil
}

func (req request) perform(ctx context.Context, exec executor.Executor) (rep reply, err error) {
	switch req.Op {
	case opProbe:
		rep.Info, err = exec.Probe(ctx)
	case opResolve:
		rep.Image, err = exec.Resolve(ctx, req.Image)
	case opSweep:
		rep.Count, err = exec.Sweep(ctx, req.Labels)
	case opStart:
		var p executor.Process
		if p, err = exec.Start(ctx, req.Spec); err == nil {
			rep.Handle = p.Handle()
		}
	default:
		var p executor.Process
		if p, err = exec.Attach(ctx, req.Handle); err == nil {
			rep.Handle = p.Handle()
			err = req.performOn(ctx, p, &rep)
		}
	}
	return rep, err
}

func (req request) performOn(ctx context.Context, p executor.Process, rep *reply) (err error) {
	switch req.Op {
	case opAttach:
		return nil
	case opFollow:
		var stdout, stderr bytes.Buffer
		err = p.Follow(ctx, &stdout, &stderr)
		rep.Stdout, rep.Stderr = stdout.Bytes(), stderr.Bytes()
		return err
	case opWait:
		rep.Exit, err = p.Wait(ctx)
		return err
	case opStop:
		return p.Stop(ctx, req.Grace)
	case opRemove:
		return p.Remove(ctx)
	}
	return fmt.Errorf("unknown call %q", req.Op)
}

// remoteError is an error that another process told.
type remoteError struct {
	text string
	is   []error
}

func (e *remoteError) Error() string   { return e.text }
func (e *remoteError) Unwrap() []error { return e.is }

func (rep reply) err() error {
	if rep.Error == "" {
		return nil
	}
	e := &remoteError{text: rep.Error}
	for _, name := range rep.Is {
		if s := sentinels()[name]; s != nil {
			e.is = append(e.is, s)
		}
	}
	return e
}
