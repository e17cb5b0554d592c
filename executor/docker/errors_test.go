package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

var sentinels = []error{
	executor.ErrNotFound, executor.ErrImageNotFound, executor.ErrUnauthorized, executor.ErrUnreachable,
	executor.ErrEngineGone, executor.ErrUnsupported, executor.ErrDiskFull, executor.ErrEnvTooLarge,
}

// wantKinds wants an error to be just these sentinels.
func wantKinds(t *testing.T, err error, kinds ...error) {
	t.Helper()
	for _, s := range sentinels {
		want := false
		for _, k := range kinds {
			want = want || errors.Is(s, k)
		}
		if errors.Is(err, s) != want {
			t.Errorf("%v: is %q: %t, want %t", err, s, !want, want)
		}
	}
}

// The texts are those of Docker 20.10 to 28 and Podman 4.3.
func TestTranslateByWords(t *testing.T) {
	e := &Executor{flavour: dockerFlavour(), host: "unix:///x.sock"}
	for text, want := range map[string]error{
		`Get "https://r.example.com/v2/x/manifests/1": unauthorized: authentication required`:                                    executor.ErrUnauthorized,
		`Head "https://r.example.com/v2/x/manifests/1": no basic auth credentials`:                                               executor.ErrUnauthorized,
		`Head "https://r.example.com/v2/x/manifests/1": denied: requested access to the resource is denied`:                      executor.ErrUnauthorized,
		`initializing source docker://r.example.com/x:1: unable to retrieve auth token: invalid username/password: unauthorized`: executor.ErrUnauthorized,
		`manifest for r.example.com/x:2 not found: manifest unknown: manifest unknown`:                                           executor.ErrImageNotFound,
		`reading manifest 2 in r.example.com/x: manifest unknown: manifest unknown`:                                              executor.ErrImageNotFound,
		`reading manifest 1 in r.example.com/y: name unknown: repository name not known to registry`:                             executor.ErrImageNotFound,
		`pull access denied for x, repository does not exist or may require 'docker login'`:                                      executor.ErrImageNotFound,
		`No such image: x:1`:       executor.ErrImageNotFound,
		`x:1: image not known`:     executor.ErrImageNotFound,
		`invalid reference format`: executor.ErrImageNotFound,
		`no matching manifest for linux/s390x in the manifest list entries`:                                                                         executor.ErrImageNotFound,
		`no image found in manifest list for architecture s390x, variant "", OS linux`:                                                              executor.ErrImageNotFound,
		`image with reference x was found but does not match the specified platform: wanted linux/s390x, actual: linux/amd64`:                       executor.ErrImageNotFound,
		`Get "https://r.example.com/v2/": dial tcp: lookup r.example.com: no such host`:                                                             executor.ErrUnreachable,
		`Get "https://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused`:                                                          executor.ErrUnreachable,
		`Get "https://r.example.com/v2/": dial tcp 10.0.0.1:443: i/o timeout`:                                                                       executor.ErrUnreachable,
		`Get "https://r.example.com/v2/": net/http: TLS handshake timeout`:                                                                          executor.ErrUnreachable,
		`Get "https://r.example.com/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)`: executor.ErrUnreachable,
		`Get "https://r.example.com/v2/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`:                               executor.ErrUnreachable,
		`Get "https://r.example.com/v2/": x509: certificate signed by unknown authority`:                                                            executor.ErrUnreachable,
		`Get "https://r.example.com/v2/": http: server gave HTTP response to HTTPS client`:                                                          executor.ErrUnreachable,
		`Get "https://r.example.com/v2/": dial tcp 10.0.0.1:443: connect: network is unreachable`:                                                   executor.ErrUnreachable,
		`Get "https://r.example.com/v2/": dial tcp 10.0.0.1:443: connect: no route to host`:                                                         executor.ErrUnreachable,
		`read tcp 10.0.0.2:4711->10.0.0.1:443: read: connection reset by peer`:                                                                      executor.ErrUnreachable,
		`write /var/lib/docker/tmp/GetImageBlob1: no space left on device`:                                                                          executor.ErrDiskFull,
		`write /home/x/.local/share/containers/storage/x: disk quota exceeded`:                                                                      executor.ErrDiskFull,
		`failed to create shim task: OCI runtime create failed: exec: "x": executable file not found in $PATH`:                                      nil,
		`Conflict. The container name "/x" is already in use`:                                                                                       nil,
	} {
		t.Run(text, func(t *testing.T) {
			cause := errors.New("Error response from daemon: " + text + ": unknown")
			err := e.translate(t.Context(), fmt.Errorf("%w", cause))
			if want == nil {
				wantKinds(t, err)
			} else {
				wantKinds(t, err, want)
			}
			if err.Error() != text || !errors.Is(err, cause) {
				t.Errorf("error %q, want the engine's words and the cause", err)
			}
		})
	}
}

func TestTranslateLostEngine(t *testing.T) {
	e := &Executor{flavour: podmanFlavour(), host: "unix:///x.sock"}
	for name, cause := range map[string]error{
		"refused":       &net.OpError{Op: "dial", Net: "unix", Err: errors.New("connect: connection refused")},
		"cut off":       fmt.Errorf("read: %w", io.ErrUnexpectedEOF),
		"hung up":       io.EOF,
		"not connected": connectionFailure(t),
	} {
		t.Run(name, func(t *testing.T) {
			err := e.translate(t.Context(), cause)
			wantKinds(t, err, executor.ErrEngineGone, executor.ErrUnreachable)
			if text := err.Error(); len(text) < 40 || text[:40] != "Podman at unix:///x.sock does not answer" {
				t.Errorf("error %q does not name the engine", text)
			}
		})
	}
}

// connectionFailure is what the client says of a server that hangs up.
func connectionFailure(t *testing.T) error {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer server.Close()
	c, err := client.New(client.WithHost("tcp://" + server.Listener.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, err = c.Ping(t.Context(), client.PingOptions{})
	if err == nil {
		t.Fatal("there was an answer")
	}
	return err
}

func TestTranslateEndedContext(t *testing.T) {
	e := &Executor{flavour: dockerFlavour()}
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	if err := e.translate(ctx, nil); err != nil {
		t.Errorf("nothing became %v", err)
	}
	cancel(why)
	if err := e.translate(ctx, io.EOF); !errors.Is(err, why) || errors.Is(err, executor.ErrUnreachable) {
		t.Errorf("error %v, want %v", err, why)
	}
}

func TestAboutContainer(t *testing.T) {
	e := &Executor{flavour: dockerFlavour()}
	err := e.aboutContainer(t.Context(), fmt.Errorf("Error response from daemon: No such container: x%w", silent{errdefs.ErrNotFound}))
	wantKinds(t, err, executor.ErrNotFound)
	if err.Error() != "No such container: x" {
		t.Errorf("error %q", err)
	}
	during := errors.New("container 12ab does not exist in database: no such container")
	wantKinds(t, e.aboutContainer(t.Context(), during), executor.ErrNotFound)
	if err := e.aboutContainer(t.Context(), nil); err != nil {
		t.Errorf("nothing became %v", err)
	}
}

// silent is an error without words.
type silent struct{ error }

func (silent) Error() string   { return "" }
func (s silent) Unwrap() error { return s.error }
