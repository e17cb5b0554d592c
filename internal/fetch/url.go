package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	maxRedirects = 5
	maxTries     = 4
)

// readURL reads a URL, with more tries where that may help.
func readURL(ctx context.Context, source string, o Options) (Document, error) {
	u, err := url.Parse(source)
	if err != nil || u.Host == "" {
		// The parser's own message quotes the URL with what is secret in it.
		return Document{}, errors.New("read URL: it cannot be parsed: want http(s)://HOST/PATH, with % for odd characters")
	}
	name := nameOf(u)
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("no complete answer within %s", o.Timeout))
	defer cancel()
	g := getter{options: o, transport: o.Transport}
	if g.transport == nil {
		own := newTransport()
		defer own.CloseIdleConnections()
		g.transport = own
	}
	for try, pause := 1, o.Pause; ; try, pause = try+1, pause*2 {
		doc, err := g.follow(ctx, u)
		if err == nil {
			doc.Name = name
			return doc, nil
		}
		var again *retryError
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if ctx.Err() != nil || !errors.As(err, &again) || try == maxTries {
			return Document{}, fmt.Errorf("read %s: %w", name, err)
		}
		o.Logger.Warn("reading a URL failed, trying again", "url", name, "try", try, "error", again.err)
		if err := wait(ctx, max(pause, again.after)); err != nil {
			return Document{}, fmt.Errorf("read %s: %w; before that: %w", name, err, again.err)
		}
	}
}

// nameOf is a URL without its secrets.
func nameOf(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// wait waits, unless ctx would end before; then it does not wait at all.
func wait(ctx context.Context, d time.Duration) error {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d {
		return fmt.Errorf("the next try would be in %s, which is too late", d.Round(time.Millisecond))
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// retryError is a failure that may be gone at the next try.
type retryError struct {
	err   error
	after time.Duration
}

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

type getter struct {
	options   Options
	transport http.RoundTripper
}

// follow gets a URL over its redirects.
func (g getter) follow(ctx context.Context, start *url.URL) (Document, error) {
	at := start
	for range maxRedirects + 1 {
		doc, next, err := g.get(ctx, start, at)
		if err != nil || next == nil {
			return doc, err
		}
		if at.Scheme == "https" && next.Scheme != "https" {
			return Document{}, fmt.Errorf("redirected from https to %s, which is not followed", nameOf(next))
		}
		at = next
	}
	return Document{}, fmt.Errorf("more than %d redirects", maxRedirects)
}

// get makes one request. next is where a redirect leads, nil for an answer.
func (g getter) get(ctx context.Context, start, at *url.URL) (doc Document, next *url.URL, err error) {
	bare := *at
	bare.User, bare.Fragment = nil, ""
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, bare.String(), nil)
	if err != nil {
		return Document{}, nil, errors.New("the URL cannot be requested")
	}
	if start.User != nil && at.Scheme == start.Scheme && at.Host == start.Host {
		password, _ := start.User.Password()
		req.SetBasicAuth(start.User.Username(), password)
	}
	resp, err := g.transport.RoundTrip(req)
	if err != nil {
		return Document{}, nil, requestError(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if location := resp.Header.Get("Location"); location != "" && resp.StatusCode/100 == 3 {
		next, err := at.Parse(location)
		if err != nil || !isURL(next.String()) || next.Host == "" {
			return Document{}, nil, errors.New("redirected to something that is not an http(s) URL")
		}
		return Document{}, next, nil
	}
	if err := statusError(resp); err != nil {
		return Document{}, nil, err
	}
	data, err := readAll(resp.Body, g.options.MaxBytes)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the connection ended before the document did")
	}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // only known types matter
	return Document{Data: data, HTML: media == "text/html"}, nil, err
}

// requestError marks connections that could not be made, except for hosts
// that do not exist.
func requestError(err error) error {
	var dial *net.OpError
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return err
	}
	if errors.As(err, &dial) && dial.Op == "dial" {
		return &retryError{err: err}
	}
	return err
}

// statusError is what any status but 200 means.
func statusError(resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	err := fmt.Errorf("the server answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return fmt.Errorf("%w; credentials can be given as https://USER:PASSWORD@HOST/PATH", err)
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &retryError{err: err, after: retryAfter(resp.Header.Get("Retry-After"))}
	}
	return err
}

// retryAfter reads the header of that name: seconds, or a date.
// Source of the rule: RFC 9110, 10.2.3.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil {
		return time.Duration(min(max(seconds, 0), 1<<30)) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return max(0, time.Until(date))
	}
	return 0
}
