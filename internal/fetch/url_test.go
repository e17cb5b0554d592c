package fetch_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/internal/fetch"
)

const secret = "s3cr3t"

// quick has no long pauses between tries.
func quick() fetch.Options { return fetch.Options{Pause: time.Millisecond} }

// serve starts a server and gives its URL with a secret in the query.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL + "/dir/job.yaml?token=" + secret
}

// expectError checks for the text, and that nothing secret is in it.
func expectError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
	if err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("a secret is in the message: %v", err)
	}
}

func TestReadURL(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s %s", r.Method, r.URL.Query().Get("token"))
	})
	doc, err := fetch.Read(t.Context(), url, quick())
	if err != nil || string(doc.Data) != "GET "+secret || doc.HTML {
		t.Errorf("%+v, %v", doc, err)
	}
	if want := strings.TrimSuffix(url, "?token="+secret); doc.Name != want {
		t.Errorf("name %q, want %q", doc.Name, want)
	}
	if _, err := fetch.Read(t.Context(), strings.Replace(url, "http:", "HTTP:", 1), quick()); err != nil {
		t.Error(err)
	}
}

func TestURLStatuses(t *testing.T) {
	for status, tc := range map[int]struct {
		want  string
		tries int64
	}{
		204: {"the server answered 204 No Content", 1},
		304: {"the server answered 304", 1},
		400: {"the server answered 400 Bad Request", 1},
		401: {"401 Unauthorized; credentials can be given", 1},
		403: {"403 Forbidden; credentials can be given", 1},
		404: {"the server answered 404 Not Found", 1},
		500: {"the server answered 500", 1},
		429: {"the server answered 429", 4},
		502: {"the server answered 502", 4},
		503: {"the server answered 503", 4},
		504: {"the server answered 504", 4},
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			var tries atomic.Int64
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				tries.Add(1)
				w.WriteHeader(status)
			})
			_, err := fetch.Read(t.Context(), url, quick())
			expectError(t, err, tc.want)
			expectError(t, err, "/dir/job.yaml: ")
			if got := tries.Load(); got != tc.tries {
				t.Errorf("%d tries, want %d", got, tc.tries)
			}
		})
	}
}

func TestURLIsTriedAgain(t *testing.T) {
	var tries atomic.Int64
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if tries.Add(1) < 4 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "at last")
	})
	var logged strings.Builder
	o := quick()
	o.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	doc, err := fetch.Read(t.Context(), url, o)
	if err != nil || string(doc.Data) != "at last" {
		t.Errorf("%+v, %v", doc, err)
	}
	if n := strings.Count(logged.String(), "trying again"); n != 3 || strings.Contains(logged.String(), secret) {
		t.Errorf("log: %s", logged.String())
	}
}

func TestRetryAfterTooLate(t *testing.T) {
	for name, header := range map[string]string{
		"seconds": "3600",
		"date":    time.Now().Add(time.Hour).UTC().Format(http.TimeFormat),
	} {
		t.Run(name, func(t *testing.T) {
			var tries atomic.Int64
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				tries.Add(1)
				w.Header().Set("Retry-After", header)
				w.WriteHeader(http.StatusTooManyRequests)
			})
			_, err := fetch.Read(t.Context(), url, quick())
			expectError(t, err, "too late")
			expectError(t, err, "429 Too Many Requests")
			if tries.Load() != 1 {
				t.Errorf("%d tries", tries.Load())
			}
		})
	}
}

func TestServerThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	o := quick()
	o.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	_, err = fetch.Read(t.Context(), "http://user:"+secret+"@"+addr+"/x", o)
	expectError(t, err, "read http://"+addr+"/x: ")
	if n := strings.Count(logged.String(), "trying again"); n != 3 {
		t.Errorf("%d further tries, want 3", n)
	}
}

func TestURLThatHangs(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begin")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	o := quick()
	o.Timeout = 50 * time.Millisecond
	_, err := fetch.Read(t.Context(), url, o)
	expectError(t, err, "no complete answer within 50ms")
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := fetch.Read(ctx, url, quick()); !errors.Is(err, why) {
		t.Errorf("error %v, want the cause", err)
	}
}

func TestURLSize(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var out io.Writer = w
		if r.URL.Query().Has("zip") {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer func() { _ = z.Close() }()
			out = z
		}
		_, _ = io.WriteString(out, strings.Repeat("x", 1<<20))
	})
	for _, source := range []string{url, url + "&zip=1"} {
		o := quick()
		o.MaxBytes = 1<<20 - 1
		_, err := fetch.Read(t.Context(), source, o)
		expectError(t, err, "larger than the limit of 1048575 bytes")
		o.MaxBytes++
		if doc, err := fetch.Read(t.Context(), source, o); err != nil || len(doc.Data) != 1<<20 {
			t.Errorf("%d bytes, %v", len(doc.Data), err)
		}
	}
}

func TestURLCutShort(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "name: x")
	})
	_, err := fetch.Read(t.Context(), url, quick())
	expectError(t, err, "the connection ended before the document did")
}

func TestWebPage(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<form>")
	})
	if doc, err := fetch.Read(t.Context(), url, quick()); err != nil || !doc.HTML {
		t.Errorf("%+v, %v", doc, err)
	}
}

func TestUnusableURLs(t *testing.T) {
	for _, url := range []string{"http://", "http:///x", "http://u:" + secret + "@[::1/x", "https://u:" + secret + "@host:port/%zz", "http://h\n/" + secret} {
		_, err := fetch.Read(t.Context(), url, quick())
		expectError(t, err, "want http(s)://HOST/PATH")
	}
}
