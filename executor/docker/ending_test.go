package docker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/docker"
)

// announcer is an engine with one container, one. It announces its end, and
// gives no answer about it until that is over.
type announcer struct {
	// events answers who asks for them.
	events http.HandlerFunc
	code   int // the exit code
	// over is closed when the end is.
	over chan struct{}
	// asked is closed when somebody asks about the container after its end was
	// announced.
	asked     chan struct{}
	announced chan struct{}
	// listening is closed when somebody hears events, looked when somebody was
	// told after that that the container runs.
	listening, looked            chan struct{}
	announce, ask, listened, see func()

	kill context.CancelFunc // called when somebody kills it

	mu     sync.Mutex
	begins []string // containers that were started, with what was over by then
}

var (
	dieStarted  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	dieFinished = dieStarted.Add(time.Second)
)

const (
	one   = "1111"
	other = "2222"
)

// newAnnouncer starts one, and finds its container.
func newAnnouncer(t *testing.T, code int) (*announcer, *docker.Executor, executor.Process) {
	t.Helper()
	noSettings(t)
	a := &announcer{code: code, over: make(chan struct{})}
	a.asked, a.ask = once()
	a.announced, a.announce = once()
	a.listening, a.listened = once()
	a.looked, a.see = once()
	a.events = a.says(one, code)
	mux := http.NewServeMux()
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", "1.41") })
	mux.HandleFunc("GET /v1.41/events", func(w http.ResponseWriter, r *http.Request) { a.events(w, r) })
	mux.HandleFunc("GET /v1.41/containers/{name}/json", a.inspect)
	mux.HandleFunc("POST /v1.41/containers/{name}/wait", func(w http.ResponseWriter, r *http.Request) {
		a.wait(r, a.over)
		_, _ = fmt.Fprintf(w, `{"StatusCode":%d}`, a.code)
	})
	mux.HandleFunc("POST /v1.41/containers/{name}/kill", func(http.ResponseWriter, *http.Request) { a.kill() })
	mux.HandleFunc("POST /v1.41/containers/create", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(w, `{"Id":%q}`, other)
	})
	mux.HandleFunc("POST /v1.41/containers/{name}/start", func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		begin := r.PathValue("name")
		if closed(a.over) {
			begin += " after the end"
		}
		a.begins = append(a.begins, begin)
		w.WriteHeader(http.StatusNoContent)
	})
	server := httptest.NewUnstartedServer(mux)
	if err := server.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(docker.ShortDir(t), "s"))
	if err != nil {
		t.Fatal(err)
	}
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
	x, err := docker.New(docker.Options{Host: "unix://" + server.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	p, err := x.Attach(t.Context(), executor.Handle{Executor: docker.Name, ID: "first", Ref: one})
	if err != nil {
		t.Fatal(err)
	}
	return a, x, p
}

// once gives a channel, and what closes it.
func once() (chan struct{}, func()) {
	c := make(chan struct{})
	return c, sync.OnceFunc(func() { close(c) })
}

// wait for something, and no longer than the caller does.
func (a *announcer) wait(r *http.Request, c <-chan struct{}) {
	select {
	case <-c:
	case <-r.Context().Done():
	}
}

// inspect answers at once while the container runs, and then only when it is
// over.
func (a *announcer) inspect(w http.ResponseWriter, r *http.Request) {
	if name := r.PathValue("name"); name != one {
		http.Error(w, `{"message":"no such container"}`, http.StatusNotFound)
		return
	}
	state := map[string]any{"Status": "running", "Running": true, "StartedAt": dieStarted}
	if closed(a.announced) {
		a.ask()
		a.wait(r, a.over)
		state = map[string]any{"Status": "exited", "ExitCode": a.code, "StartedAt": dieStarted, "FinishedAt": dieFinished.Add(-time.Millisecond)}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"Id": one, "State": state, "Config": map[string]any{}})
	if closed(a.listening) {
		a.see()
	}
}

// says announces an end as soon as somebody listens and has seen the container
// run, and goes on with nothing.
func (a *announcer) says(id string, code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		a.listened()
		flush := http.NewResponseController(w)
		_ = flush.Flush()
		a.wait(r, a.looked)
		a.announce()
		_ = json.NewEncoder(w).Encode(map[string]any{
			"Type": "container", "Action": "die", "timeNano": dieFinished.UnixNano(),
			"Actor": map[string]any{"ID": id, "Attributes": map[string]string{"exitCode": fmt.Sprint(code)}},
		})
		_ = flush.Flush()
		<-r.Context().Done()
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestGoodEndIsHeard: what the engine announces is enough. The next container is
// started when the engine is done with the former one.
func TestGoodEndIsHeard(t *testing.T) {
	a, x, p := newAnnouncer(t, 0)
	exit, err := p.Wait(t.Context())
	want := executor.Exit{StartedAt: dieStarted, FinishedAt: dieFinished}
	if err != nil || exit != want {
		t.Fatalf("Wait gives %+v, %v; want %+v", exit, err, want)
	}
	if closed(a.over) {
		t.Fatal("Wait has waited until all was over")
	}
	go func() {
		<-a.asked
		close(a.over)
	}()
	if _, err := x.Start(t.Context(), executor.Spec{ID: "second", Image: "i"}); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(a.begins, ", "), other+" after the end"; got != want {
		t.Errorf("started: %s; want %s", got, want)
	}
}

// TestOtherEndsAreAwaited: without the announcement of a good end, all is over
// when Wait returns.
func TestOtherEndsAreAwaited(t *testing.T) {
	for name, test := range map[string]struct {
		code   int
		events func(a *announcer) http.HandlerFunc
	}{
		"bad end":   {3, func(a *announcer) http.HandlerFunc { return a.says(one, 3) }},
		"another's": {0, func(a *announcer) http.HandlerFunc { return a.says(other, 0) }},
		"forbidden": {0, func(*announcer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }
		}},
		"without an answer": {0, func(*announcer) http.HandlerFunc {
			return func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			a, _, p := newAnnouncer(t, test.code)
			a.events = test.events(a)
			go func() {
				time.Sleep(150 * time.Millisecond) // so that a wrong announcement would be heard
				a.announce()
				close(a.over)
			}()
			exit, err := p.Wait(t.Context())
			want := executor.Exit{Code: test.code, StartedAt: dieStarted, FinishedAt: dieFinished.Add(-time.Millisecond)}
			if err != nil || exit != want {
				t.Errorf("Wait gives %+v, %v; want %+v", exit, err, want)
			}
		})
	}
}

// TestStoppedEndIsAwaited: when exactly a container came to its end matters if
// it was asked to, and only the engine's last word says that.
func TestStoppedEndIsAwaited(t *testing.T) {
	a, _, p := newAnnouncer(t, 0)
	stopped, cancel := context.WithCancel(t.Context())
	go func() {
		<-a.asked
		close(a.over)
	}()
	a.kill = cancel // with this the call has done enough
	if err := p.Stop(stopped, 0); !errors.Is(err, context.Canceled) {
		t.Fatalf("Stop gives %v", err)
	}
	exit, err := p.Wait(t.Context())
	want := executor.Exit{StartedAt: dieStarted, FinishedAt: dieFinished.Add(-time.Millisecond)}
	if err != nil || exit != want {
		t.Errorf("Wait gives %+v, %v; want %+v", exit, err, want)
	}
}
