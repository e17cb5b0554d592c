package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// engineError is an error of the engine, with the sentinel it stands for.
type engineError struct {
	text string
	kind error // a sentinel of package executor, or nil
	err  error
}

func (e *engineError) Error() string { return e.text }

func (e *engineError) Unwrap() []error {
	switch {
	case e.kind == nil:
		return []error{e.err}
	case errors.Is(e.kind, executor.ErrEngineGone):
		return []error{e.kind, executor.ErrUnreachable, e.err}
	}
	return []error{e.kind, e.err}
}

// phrases tell by an engine's words what its status codes do not: Docker has
// 500 for everything that a registry answered.
var phrases = []struct {
	words string
	kind  error
}{
	// What Docker says while it ends: its own parts are closed already.
	{"database not open", executor.ErrEngineGone},
	{"client connection is closing", executor.ErrEngineGone},
	{"transport is closing", executor.ErrEngineGone},
	{"containerd.sock", executor.ErrEngineGone},
	{"no space left on device", executor.ErrDiskFull},
	{"disk quota exceeded", executor.ErrDiskFull},
	{"unauthorized", executor.ErrUnauthorized},
	{"no basic auth credentials", executor.ErrUnauthorized},
	{"authentication required", executor.ErrUnauthorized},
	{"invalid username/password", executor.ErrUnauthorized},
	{"requested access to the resource is denied", executor.ErrUnauthorized},
	{"manifest unknown", executor.ErrImageNotFound},
	{"name unknown", executor.ErrImageNotFound},
	{"repository name not known", executor.ErrImageNotFound},
	{"pull access denied", executor.ErrImageNotFound},
	{"no such image", executor.ErrImageNotFound},
	{"image not known", executor.ErrImageNotFound},
	{"invalid reference format", executor.ErrImageNotFound},
	{"no matching manifest", executor.ErrImageNotFound},
	{"no image found in", executor.ErrImageNotFound},
	{"does not match the specified platform", executor.ErrImageNotFound},
	{"no such host", executor.ErrUnreachable},
	{"connection refused", executor.ErrUnreachable},
	{"i/o timeout", executor.ErrUnreachable},
	{"tls handshake timeout", executor.ErrUnreachable},
	{"request canceled while waiting for connection", executor.ErrUnreachable},
	{"x509: ", executor.ErrUnreachable},
	{"network is unreachable", executor.ErrUnreachable},
	{"no route to host", executor.ErrUnreachable},
	{"connection reset by peer", executor.ErrUnreachable},
	{"client.timeout exceeded", executor.ErrUnreachable},
	{"server gave http response to https client", executor.ErrUnreachable},
}

// translate makes an error of the engine one of package executor. The cause of
// an ended ctx is given as it is.
func (e *Executor) translate(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case e.disconnected(err):
		return &engineError{text: fmt.Sprintf("%s at %s does not answer: %s", e.flavour.title, e.host, plain(err)), kind: executor.ErrEngineGone, err: err}
	}
	text := plain(err)
	lower := strings.ToLower(text)
	for _, p := range phrases {
		if strings.Contains(lower, p.words) {
			return &engineError{text: text, kind: p.kind, err: err}
		}
	}
	return &engineError{text: text, err: err}
}

// disconnected reports whether the engine itself could not be reached, or went
// away in the middle of an answer.
func (e *Executor) disconnected(err error) bool {
	var op *net.OpError
	return client.IsErrConnectionFailed(err) || errors.As(err, &op) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// passes reports whether an error is over when the call is made again.
func (e *Executor) passes(err error) bool {
	return slices.ContainsFunc(e.flavour.passing, func(words string) bool { return strings.Contains(err.Error(), words) })
}

// goneWords are in the errors of containers that are being removed, or were
// during the call, and of which an engine says so with another status.
var goneWords = []string{"marked for removal", "no such container"}

// aboutContainer is translate for calls about a container.
func (e *Executor) aboutContainer(ctx context.Context, err error) error {
	gone := func(words string) bool { return strings.Contains(err.Error(), words) }
	if errdefs.IsNotFound(err) || err != nil && slices.ContainsFunc(goneWords, gone) {
		return &engineError{text: plain(err), kind: executor.ErrNotFound, err: err}
	}
	return e.translate(ctx, err)
}

// aboutImage is translate for pulls. containerd's words for what a registry does
// not have are those for anything else that it misses.
func (e *Executor) aboutImage(ctx context.Context, err error) error {
	err = e.translate(ctx, err)
	var said *engineError
	if errors.As(err, &said) && said.kind == nil &&
		strings.HasPrefix(said.text, "failed to resolve reference") && strings.HasSuffix(said.text, ": not found") {
		said.kind = executor.ErrImageNotFound
	}
	return err
}

// plain takes out what engines and client put around the point.
func plain(err error) string {
	text := strings.TrimPrefix(err.Error(), "Error response from daemon: ")
	return strings.TrimSuffix(strings.TrimSpace(text), ": unknown")
}
