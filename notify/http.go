package notify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxRedirects is how many redirects one try follows.
const maxRedirects = 5

// HTTP posts notifications to a URL.
//
// Any 2xx is a delivery. 408, 425, 429, every 5xx and no answer are tried
// again, with the receiver's Retry-After (seconds or a date) if there is one.
// Redirects with 307 and 308 are followed, but not from https to http; whatever
// identifies kog goes to no other host. Every other answer is a refusal.
type HTTP struct {
	url  *url.URL
	opts HTTPOptions
	// transport, and no http.Client: that one follows redirects by rules of its
	// own, and its errors quote URLs.
	transport *http.Transport
}

// NewHTTP gives a notifier for an http or https URL, which may hold a user and
// a password. Messages name its scheme and host only, since any other part may
// be secret.
func NewHTTP(rawURL string, opts HTTPOptions) (*HTTP, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("not a URL") // the error of Parse quotes it
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return nil, errors.New("want a URL that begins with http:// or https:// and names a host")
	}
	u.Fragment, u.RawFragment = "", ""
	transport, err := opts.transport()
	if err != nil {
		return nil, err
	}
	if err := opts.check(); err != nil {
		return nil, err
	}
	return &HTTP{url: u, opts: opts, transport: transport}, nil
}

// Name is the scheme and the host.
func (h *HTTP) Name() string { return h.url.Scheme + "://" + h.url.Host }

// Key is made from the URL without user, password and query, so that the spool
// is found again when these have changed.
func (h *HTTP) Key() string {
	sum := sha256.Sum256([]byte(h.Name() + h.url.EscapedPath()))
	return hex.EncodeToString(sum[:6])
}

// CloseIdleConnections closes the connections that are kept for the next
// notification.
func (h *HTTP) CloseIdleConnections() { h.transport.CloseIdleConnections() }

// Notify posts one notification.
func (h *HTTP) Notify(ctx context.Context, n Notification) error {
	to := h.url
	for range maxRedirects + 1 {
		resp, err := h.post(ctx, to, n)
		if err != nil {
			return err
		}
		// Read to its end, the connection can be used again.
		_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusTemporaryRedirect && resp.StatusCode != http.StatusPermanentRedirect {
			return judge(resp)
		}
		next, err := resp.Location()
		switch {
		case err != nil || (next.Scheme != "http" && next.Scheme != "https"):
			return &RefusedError{Reason: fmt.Sprintf("answered %d without a usable location", resp.StatusCode)}
		case to.Scheme == "https" && next.Scheme == "http":
			return &RefusedError{Reason: fmt.Sprintf("answered %d with a location that is not encrypted", resp.StatusCode)}
		}
		to = next
	}
	return &RefusedError{Reason: fmt.Sprintf("more than %d redirects", maxRedirects)}
}

func (h *HTTP) post(ctx context.Context, to *url.URL, n Notification) (*http.Response, error) {
	bare := *to
	bare.User = nil
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, bare.String(), bytes.NewReader(n.Body))
	if err != nil {
		return nil, errors.New("make request") // the error quotes the URL
	}
	req.Header.Set("Content-Type", n.ContentType)
	req.Header.Set("User-Agent", "kog")
	h.opts.Secret.sign(req.Header, n, time.Now())
	if to.Scheme == h.url.Scheme && to.Host == h.url.Host {
		if err := h.identify(req); err != nil {
			return nil, err
		}
	}
	resp, err := h.transport.RoundTrip(req)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s", tryTimeout)
	}
	return resp, err
}

// identify adds what no other host may see.
func (h *HTTP) identify(req *http.Request) error {
	for name, values := range h.opts.Header {
		req.Header[name] = slices.Clone(values)
	}
	if user := h.url.User; user != nil {
		password, _ := user.Password()
		req.SetBasicAuth(user.Username(), password)
		return nil
	}
	token, err := h.opts.token()
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return err
}

// judge says what an answer means.
func judge(resp *http.Response) error {
	code := resp.StatusCode
	reason := strings.TrimSpace(fmt.Sprintf("answered %d %s", code, http.StatusText(code)))
	switch {
	case code >= 200 && code < 300:
		return nil
	case code >= 500, code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests:
		return &BusyError{Reason: reason, After: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	case code >= 300 && code < 400:
		reason += ": such a redirect drops the body, give the notifier's final URL"
	}
	return &RefusedError{Reason: reason}
}

// retryAfter reads seconds or a date; 0 for anything else.
// Source of the rule: RFC 9110, section 10.2.3.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}
