package docker_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/docker"
)

// disguise is an engine before the real one that speaks other versions of the
// interface. The real one gets what it understands.
type disguise struct {
	// min and max are the versions that are spoken; max is what it says of itself.
	min, max string
	// header changes what a ping answers.
	header map[string]string

	mu   sync.Mutex
	seen map[string]bool
}

var versionPath = regexp.MustCompile(`^/v([0-9.]+)(/.*)$`)

// start gives the address.
func (d *disguise) start(t *testing.T, e engine) string {
	t.Helper()
	ping, err := e.api(t).Ping(t.Context(), client.PingOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d.seen = map[string]bool{}
	socket := strings.TrimPrefix(e.host(), "unix://")
	transport := &http.Transport{Dial: func(string, string) (net.Conn, error) { return net.Dial("unix", socket) }} //nolint:staticcheck // needs no ctx
	t.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{
		ErrorLog:  log.New(io.Discard, "", 0), // calls are broken off on purpose
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "engine"})
			if m := versionPath.FindStringSubmatch(r.In.URL.Path); m != nil {
				r.Out.URL.Path = "/v" + min(m[1], ping.APIVersion) + m[2] // all are 1.xx
				r.Out.URL.RawPath = ""
			}
		},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Set("Api-Version", d.max)
			for name, value := range d.header {
				r.Header.Set(name, value)
			}
			return nil
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := versionPath.FindStringSubmatch(r.URL.Path)
		if m == nil {
			proxy.ServeHTTP(w, r)
			return
		}
		d.mu.Lock()
		d.seen[m[1]] = true
		d.mu.Unlock()
		if versions.LessThan(m[1], d.min) || versions.GreaterThan(m[1], d.max) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"message":"client version %s is too old. Minimum supported API version is %s"}`, m[1], d.min)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return "tcp://" + server.Listener.Addr().String()
}

func TestClientSpeaksOldVersions(t *testing.T) {
	if versions.GreaterThan(client.MinAPIVersion, "1.40") {
		t.Errorf("the client speaks version %s and later, want it to begin with 1.40", client.MinAPIVersion)
	}
	if versions.LessThan(client.MaxAPIVersion, "1.44") {
		t.Errorf("the client speaks no version after %s, engines of today want 1.44", client.MaxAPIVersion)
	}
}

func TestNegotiation(t *testing.T) {
	onDocker(t, func(t *testing.T, e engine) {
		image := e.load(t, busyboxArchive(t))
		for name, d := range map[string]*disguise{
			"1.52, nothing below 1.44": {min: "1.44", max: "1.52"},
			"1.40 only":                {min: "1.40", max: "1.40"},
			"the client's highest":     {min: client.MaxAPIVersion, max: client.MaxAPIVersion},
		} {
			t.Run(name, func(t *testing.T) {
				noSettings(t)
				x, err := docker.New(docker.Options{Host: d.start(t, e)})
				if err != nil {
					t.Fatal(err)
				}
				// The exit code tells: an old engine's faults in reading logs are
				// mended only where it says that it is old.
				count := fmt.Sprintf("test $(/bin/busybox wc -c) = %d", len(input()))
				if _, exit := runs(t, x, executor.Spec{Image: image, Args: []string{"sh", "-c", count}, Stdin: input()}); exit != 0 {
					t.Errorf("the input did not arrive whole: exit code %d", exit)
				}
				d.mu.Lock()
				defer d.mu.Unlock()
				if len(d.seen) != 1 || !d.seen[d.max] {
					t.Errorf("spoke %v, want %s only", d.seen, d.max)
				}
			})
		}
	})
}

func TestNegotiationRefuses(t *testing.T) {
	onDocker(t, func(t *testing.T, e engine) {
		for name, test := range map[string]struct {
			d     *disguise
			kind  error
			words string
		}{
			"too old":  {&disguise{min: "1.12", max: "1.39"}, executor.ErrUnsupported, "1.39"},
			"too new":  {&disguise{min: "9.1", max: "9.9"}, executor.ErrUnsupported, "9.1"},
			"Windows":  {&disguise{min: "1.40", max: "1.52", header: map[string]string{"Ostype": "windows"}}, executor.ErrUnsupported, "Linux containers"},
			"no words": {&disguise{min: "1.40", max: ""}, executor.ErrUnreachable, "no Docker engine"},
		} {
			t.Run(name, func(t *testing.T) {
				noSettings(t)
				x, err := docker.New(docker.Options{Host: test.d.start(t, e)})
				if err != nil {
					t.Fatal(err)
				}
				if _, err = x.Probe(t.Context()); !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.words) {
					t.Errorf("%v; want it %v, with %q", err, test.kind, test.words)
				}
			})
		}
	})
}

func TestNoEngine(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"page for all": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>welcome</html>")) },
		"not found":    http.NotFound,
		"forbidden":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"hangs up":     func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			noSettings(t)
			server := httptest.NewServer(answer)
			defer server.Close()
			notAnEngine(t, server.Listener.Addr().String())
		})
	}
	t.Run("without the TLS that is wanted", func(t *testing.T) {
		noSettings(t)
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		defer server.Close()
		notAnEngine(t, server.Listener.Addr().String())
	})
}

func notAnEngine(t *testing.T, address string) {
	t.Helper()
	for _, e := range engines {
		x, err := e.make(docker.Options{Host: "tcp://" + address})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = x.Probe(t.Context()); !errors.Is(err, executor.ErrUnreachable) || !strings.Contains(err.Error(), address) {
			t.Errorf("%s: %v; want it unreachable, with the place", e.name, err)
		}
	}
}
