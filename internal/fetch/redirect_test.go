package fetch_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/internal/fetch"
)

// withUser puts credentials into a URL.
func withUser(url string) string { return strings.Replace(url, "://", "://user:"+secret+"@", 1) }

// tellUser answers with the credentials that came with the request.
func tellUser(w http.ResponseWriter, r *http.Request) {
	user, password, ok := r.BasicAuth()
	_, _ = fmt.Fprintf(w, "%s %s %v", user, password, ok)
}

func TestCredentialsStayWithTheirHost(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(tellUser))
	t.Cleanup(other.Close)
	mux := http.NewServeMux()
	mux.HandleFunc("/user", tellUser)
	mux.Handle("/near", http.RedirectHandler("user", http.StatusFound))
	mux.Handle("/far", http.RedirectHandler(other.URL+"/user", http.StatusMovedPermanently))
	mux.Handle("/planted", http.RedirectHandler(withUser(other.URL)+"/user", http.StatusSeeOther))
	own := httptest.NewServer(mux)
	t.Cleanup(own.Close)
	for path, want := range map[string]string{
		"/user":    "user " + secret + " true",
		"/near":    "user " + secret + " true",
		"/far":     "  false",
		"/planted": "  false",
	} {
		doc, err := fetch.Read(t.Context(), withUser(own.URL)+path, quick())
		if err != nil || string(doc.Data) != want {
			t.Errorf("%s: %q, %v; want %q", path, doc.Data, err, want)
		}
		if doc.Name != own.URL+path {
			t.Errorf("%s: name %q", path, doc.Name)
		}
	}
}

func TestRedirects(t *testing.T) {
	var hops int
	var target string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.Path)-1 < hops {
			http.Redirect(w, r, r.URL.Path+"x?token="+secret, http.StatusTemporaryRedirect)
			return
		}
		if target != "" {
			w.Header().Set("Location", target)
			w.WriteHeader(http.StatusPermanentRedirect)
			return
		}
		_, _ = io.WriteString(w, "here")
	}))
	t.Cleanup(s.Close)
	hops = 5
	if doc, err := fetch.Read(t.Context(), s.URL, quick()); err != nil || string(doc.Data) != "here" {
		t.Errorf("five redirects: %q, %v", doc.Data, err)
	}
	hops = 6
	_, err := fetch.Read(t.Context(), s.URL, quick())
	expectError(t, err, "more than 5 redirects")
	hops = 0
	for _, target = range []string{"file:///etc/passwd", "ftp://host/" + secret, "http://[::1/" + secret, "https:///" + secret} {
		_, err := fetch.Read(t.Context(), s.URL, quick())
		expectError(t, err, "redirected to something that is not an http(s) URL")
	}
}

func TestNoRedirectOutOfTLS(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(tellUser))
	t.Cleanup(plain.Close)
	safe := httptest.NewTLSServer(http.RedirectHandler(plain.URL+"/x?token="+secret, http.StatusFound))
	t.Cleanup(safe.Close)
	o := quick()
	o.Transport = safe.Client().Transport
	_, err := fetch.Read(t.Context(), safe.URL, o)
	expectError(t, err, "redirected from https to "+plain.URL+"/x, which is not followed")
	o.Transport = nil
	_, err = fetch.Read(t.Context(), safe.URL, o)
	expectError(t, err, "certificate")
}
