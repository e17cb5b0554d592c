package notify

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func newTestHTTP(t *testing.T, url string, opts HTTPOptions) *HTTP {
	t.Helper()
	h, err := NewHTTP(url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.CloseIdleConnections)
	return h
}

var hello = Notification{ID: "r1-2", ContentType: "application/json", Body: []byte(`{"hello":1}`)}

func TestAnswers(t *testing.T) {
	for _, tc := range []struct {
		code   int
		header string
		want   string
	}{
		{200, "", ""},
		{202, "", ""},
		{204, "", ""},
		{400, "", "refused: answered 400 Bad Request"},
		{404, "5", "refused: answered 404 Not Found"},
		{302, "", "refused: answered 302 Found: such a redirect drops the body, give the notifier's final URL"},
		{307, "", "refused: answered 307 without a usable location"},
		{408, "", "busy 0s: answered 408 Request Timeout"},
		{425, "", "busy 0s: answered 425 Too Early"},
		{429, "7", "busy 7s: answered 429 Too Many Requests"},
		{503, "nonsense", "busy 0s: answered 503 Service Unavailable"},
		{500, "-3", "busy 0s: answered 500 Internal Server Error"},
		{503, time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat), "busy 0s: answered 503 Service Unavailable"},
	} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", tc.header)
			w.WriteHeader(tc.code)
		})
		err := newTestHTTP(t, s.URL, HTTPOptions{}).Notify(context.Background(), hello)
		if got := classify(err); got != tc.want {
			t.Errorf("%d, Retry-After %q: %s, want %s", tc.code, tc.header, got, tc.want)
		}
	}
}

func classify(err error) string {
	var refused *RefusedError
	var busy *BusyError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return "refused: " + err.Error()
	case errors.As(err, &busy):
		return fmt.Sprintf("busy %s: %s", busy.After, err)
	}
	return err.Error()
}

func TestRetryAfterDate(t *testing.T) {
	now := time.Date(2024, 5, 6, 7, 8, 0, 0, time.UTC)
	if got := retryAfter("Mon, 06 May 2024 07:08:42 GMT", now); got != 42*time.Second {
		t.Errorf("%s, want 42s", got)
	}
}

func TestRequest(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("t0ken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	secret, err := ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	header, err := ParseHeader([]string{"x-team: lab", "X-Team:two"})
	if err != nil {
		t.Fatal(err)
	}
	var got *http.Request
	var body string
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		got, body = r, string(data)
	})
	opts := HTTPOptions{Header: header, TokenFile: token, Secret: secret}
	if err := newTestHTTP(t, s.URL+"/hook?key=k#fragment", opts).Notify(context.Background(), hello); err != nil {
		t.Fatal(err)
	}
	if got.Method != http.MethodPost || got.RequestURI != "/hook?key=k" || body != `{"hello":1}` || got.ContentLength != int64(len(body)) {
		t.Errorf("%s %s %s", got.Method, got.RequestURI, body)
	}
	for name, want := range map[string]string{
		"Content-Type": "[application/json]", "X-Team": "[lab two]", "Authorization": "[Bearer t0ken]", "User-Agent": "[kog]", "Webhook-Id": "[r1-2]",
	} {
		if value := fmt.Sprint(got.Header[name]); value != want {
			t.Errorf("%s: %s, want %s", name, value, want)
		}
	}
	if !strings.HasPrefix(got.Header.Get("Webhook-Signature"), "v1,") || got.Header.Get("Webhook-Timestamp") == "" {
		t.Errorf("not signed: %v", got.Header)
	}
	if err := os.WriteFile(token, []byte("new-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newTestHTTP(t, s.URL, opts)
	if err := h.Notify(context.Background(), hello); err != nil || got.Header.Get("Authorization") != "Bearer new-token" {
		t.Errorf("authorization %q, %v", got.Header.Get("Authorization"), err)
	}
	if err := os.Remove(token); err != nil {
		t.Fatal(err)
	}
	if err := h.Notify(context.Background(), hello); err == nil || classify(err) != err.Error() {
		t.Errorf("without its token: %v, want an error after which it is tried again", err)
	}
	h = newTestHTTP(t, strings.Replace(s.URL, "//", "//me:p4ss@", 1), HTTPOptions{})
	if err := h.Notify(context.Background(), hello); err != nil {
		t.Fatal(err)
	}
	if user, password, _ := got.BasicAuth(); user != "me" || password != "p4ss" {
		t.Errorf("user %q, password %q", user, password)
	}
}

// Redirects keep the method and the body; what identifies kog goes to the host
// that it was meant for only.
func TestRedirects(t *testing.T) {
	var seen []string
	note := func(r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		seen = append(seen, fmt.Sprintf("%s %s %d %t %t", r.Method, r.URL, len(data), r.Header.Get("X-Key") != "", r.Header.Get("Authorization") != ""))
	}
	other := serve(t, func(_ http.ResponseWriter, r *http.Request) { note(r) })
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		note(r)
		switch r.URL.Path {
		case "/a":
			http.Redirect(w, r, "/b", http.StatusPermanentRedirect)
		case "/b":
			http.Redirect(w, r, other.URL+"/c", http.StatusTemporaryRedirect)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusTemporaryRedirect)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusTemporaryRedirect)
		}
	})
	opts := HTTPOptions{Header: http.Header{"X-Key": {"k"}}}
	base := strings.Replace(s.URL, "//", "//me:p4ss@", 1)
	if err := newTestHTTP(t, base+"/a", opts).Notify(context.Background(), hello); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(seen, "\n"), "POST /a 11 true true\nPOST /b 11 true true\nPOST /c 11 false false"; got != want {
		t.Errorf("requests\n%s\nwant\n%s", got, want)
	}
	for path, want := range map[string]string{
		"/loop": "refused: more than 5 redirects", "/file": "refused: answered 307 without a usable location",
	} {
		if got := classify(newTestHTTP(t, s.URL+path, opts).Notify(context.Background(), hello)); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestTLS(t *testing.T) {
	plain := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("sent without encryption") })
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			http.Redirect(w, r, plain.URL, http.StatusTemporaryRedirect)
		}
	}))
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := newTestHTTP(t, s.URL, HTTPOptions{CAFile: ca}).Notify(context.Background(), hello); err != nil {
		t.Errorf("with its CA: %v", err)
	}
	err := newTestHTTP(t, s.URL, HTTPOptions{}).Notify(context.Background(), hello)
	var verify *tls.CertificateVerificationError
	if !errors.As(err, &verify) {
		t.Errorf("without its CA: %v", err)
	}
	err = newTestHTTP(t, s.URL+"/down", HTTPOptions{CAFile: ca}).Notify(context.Background(), hello)
	if got := classify(err); got != "refused: answered 307 with a location that is not encrypted" {
		t.Errorf("redirect to http: %s", got)
	}
}

// Nothing secret is in any error.
func TestErrorsHideSecrets(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	bad := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://s3cret:s3cret@[::1/s3cret")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	errs := []error{
		newTestHTTP(t, "http://s3cret:s3cret@"+closed+"/s3cret?s3cret", HTTPOptions{}).Notify(context.Background(), hello),
		newTestHTTP(t, bad.URL, HTTPOptions{}).Notify(context.Background(), hello),
	}
	for _, raw := range []string{"http://s3cret:s3cret@[::1/s3cret", "ftp://s3cret@x", "https:///s3cret", "s3cret", "http://s3cret@:80"} {
		_, err := NewHTTP(raw, HTTPOptions{})
		errs = append(errs, err)
	}
	for _, line := range []string{"s3cret", ":s3cret", "a b: s3cret", "A: s3cret\nB: s3cret", "Content-Type: s3cret", "webhook-id: s3cret"} {
		_, err := ParseHeader([]string{line})
		errs = append(errs, err)
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("s3cret s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, opts := range []HTTPOptions{
		{TokenFile: token},
		{TokenFile: token + "?"},
		{CAFile: token},
		{CAFile: token + "?"},
		{TokenFile: token, Header: http.Header{"Authorization": {"s3cret"}}},
	} {
		_, err := NewHTTP("http://x", opts)
		errs = append(errs, err)
	}
	for i, err := range errs {
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("error %d: %v", i, err)
		}
	}
	h := newTestHTTP(t, "http://s3cret:s3cret@host:1/s3cret?s3cret", HTTPOptions{})
	if h.Name() != "http://host:1" || h.Key() != newTestHTTP(t, "http://host:1/s3cret?new", HTTPOptions{}).Key() {
		t.Errorf("name %s, key %s", h.Name(), h.Key())
	}
}
