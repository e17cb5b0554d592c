package kube

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// answer is what a server does with one request. text is the log from the second
// on that was asked for.
type answer func(w http.ResponseWriter, text string)

// troubled is an API server with one Job, which gives its answers in turn, the
// last of each kind again and again. It is for what cannot be had of a real one
// at the right moment.
type troubled struct {
	t                   *testing.T
	mu                  sync.Mutex
	lists, watches, log []answer
	node                nodeLog
}

func (s *troubled) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	since, _ := time.Parse(time.RFC3339, r.URL.Query().Get("sinceTime")) // else the beginning
	text := string(s.node.since(since))
	switch {
	case strings.HasSuffix(r.URL.Path, "/log") && strings.Contains(r.URL.Path, "no-such-pod"):
		refusal(http.StatusBadRequest, metav1.StatusReasonBadRequest)(w, text) // it knows no streams
	case strings.HasSuffix(r.URL.Path, "/log"):
		s.next(&s.log)(w, text)
	case strings.HasSuffix(r.URL.Path, "/jobs/step"):
		give(&batchv1.Job{TypeMeta: metav1.TypeMeta{Kind: "Job", APIVersion: "batch/v1"}, ObjectMeta: metav1.ObjectMeta{Name: "step", UID: "job-uid"}})(w, text)
	case strings.HasSuffix(r.URL.Path, "/pods") && r.URL.Query().Get("watch") != "":
		s.next(&s.watches)(w, text)
	case strings.HasSuffix(r.URL.Path, "/pods"):
		s.next(&s.lists)(w, text)
	case r.URL.Path == "/version":
		_, _ = w.Write([]byte(`{"major": "1", "minor": "34"}`))
	default:
		s.t.Errorf("unexpected: %s %s", r.Method, r.URL)
	}
}

func (s *troubled) next(of *[]answer) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := (*of)[0]
	if len(*of) > 1 {
		*of = (*of)[1:]
	}
	return a
}

func give(v any) answer {
	return func(w http.ResponseWriter, _ string) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
}

// list is a list of the Job's only pod.
func list(pod *corev1.Pod) answer {
	return give(&corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}, Items: []corev1.Pod{*pod}})
}

func failure(code int32, reason metav1.StatusReason) *metav1.Status {
	return &metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: code, Reason: reason, Message: string(reason),
	}
}

func refusal(code int, reason metav1.StatusReason) answer {
	return func(w http.ResponseWriter, _ string) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(failure(int32(code), reason)) //nolint:gosec // an HTTP status
	}
}

func tooMany(w http.ResponseWriter, text string) {
	refusal(http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests)(w, text)
}

// expired is a watch that ends with an event of that kind.
func expired(w http.ResponseWriter, text string) {
	give(map[string]any{"type": "ERROR", "object": failure(http.StatusGone, metav1.StatusReasonExpired)})(w, text)
}

// over is a watch that ends as if it had gone well, and cutOff is one that does not.
func over(w http.ResponseWriter, _ string) { w.Header().Set("Content-Type", "application/json") }

func cutOff(w http.ResponseWriter, _ string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "1000")
	_, _ = w.Write([]byte(`{"type": "MODI`))
}

// whole is a log, partly is some percent of it, and torn is that without an end.
func whole(w http.ResponseWriter, text string) { _, _ = w.Write([]byte(text)) }

func partly(percent int) answer {
	return func(w http.ResponseWriter, text string) { whole(w, text[:len(text)*percent/100]) }
}

func torn(percent int) answer {
	return func(w http.ResponseWriter, text string) {
		w.Header().Set("Content-Length", "1000000")
		partly(percent)(w, text)
	}
}

func (s *troubled) process(t *testing.T) *process {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	e := &Executor{namespace: "ci", log: slog.New(slog.DiscardHandler), requests: new(atomic.Int64)}
	if err := e.connect(&rest.Config{Host: server.URL}); err != nil {
		t.Fatal(err)
	}
	p, err := e.Attach(t.Context(), executor.Handle{Executor: Name, ID: "step", Ref: "ci/job-uid"})
	if err != nil {
		t.Fatal(err)
	}
	return p.(*process)
}

// However a watch ends, but for its server's being away, it is begun again.
func TestWaitOverTroubledWatches(t *testing.T) {
	s := &troubled{
		t:     t,
		lists: []answer{list(podOf(running())), tooMany, list(podOf(running())), list(podOf(running())), list(podOf(running())), list(podOf(exited(3, "Error")))},
		watches: []answer{
			refusal(http.StatusGone, metav1.StatusReasonGone), tooMany, expired, cutOff, over,
		},
	}
	exit, err := s.process(t).Wait(t.Context())
	if err != nil || exit.Code != 3 {
		t.Errorf("%+v, %v", exit, err)
	}
	if len(s.lists) > 1 || len(s.watches) > 1 {
		t.Errorf("not all came to pass: %d lists, %d watches are left", len(s.lists)-1, len(s.watches)-1)
	}
}

// A log comes whole, whatever comes between.
func TestFollowOverTroubledLogs(t *testing.T) {
	s := &troubled{
		t: t,
		lists: []answer{
			list(podOf(running())), list(podOf(running())), list(podOf(running())), list(podOf(running())),
			list(podOf(running())), list(podOf(running())), list(podOf(exited(0, "Completed"))),
		},
		log: []answer{
			refusal(http.StatusNotFound, metav1.StatusReasonNotFound), // a kubelet that does not know its pods yet
			tooMany, torn(60), partly(10), refusal(http.StatusInternalServerError, metav1.StatusReasonInternalError), torn(80), whole,
		},
		node: secondsLog("one\n", "two\n", "two\n", "three\n", "four\n"),
	}
	p := s.process(t)
	var out bytes.Buffer
	if err := p.Follow(t.Context(), &out, &out); err != nil {
		t.Fatal(err)
	}
	if want := s.node.text(); out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	if len(s.log) > 1 {
		t.Errorf("not all came to pass: %d logs are left", len(s.log)-1)
	}
}

// A server that is away is told, so that whoever waits can decide.
func TestWaitWithoutServer(t *testing.T) {
	s := &troubled{t: t, lists: []answer{refusal(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable)}}
	_, err := s.process(t).Wait(t.Context())
	if !errors.Is(err, executor.ErrEngineGone) {
		t.Errorf("got %v", err)
	}
}
