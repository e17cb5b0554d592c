package store

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

const (
	// maxTries is how often a request is made before the registry counts as
	// not reachable.
	maxTries = 4
	// maxRetryAfter is the longest pause that a registry may ask for.
	maxRetryAfter = 30 * time.Second
	maxRedirects  = 5
)

// guard refuses plain HTTP to other machines.
type guard struct{ inner http.RoundTripper }

func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !loopback(req.URL.Host) {
		return nil, markf(executor.ErrUnsupported, "plain HTTP is only for registries on this machine, %s is another", req.URL.Host)
	}
	return g.inner.RoundTrip(req)
}

// retry makes a request again that failed for a passing reason: the registry
// is overloaded, restarts, or the connection broke before its answer. A
// registry that is silent is not asked again: each time-out is long.
type retry struct {
	inner   http.RoundTripper
	backoff time.Duration
	log     *slog.Logger
}

func (r retry) RoundTrip(req *http.Request) (*http.Response, error) {
	for try := 1; ; try++ {
		resp, err := r.inner.RoundTrip(req)
		pause, again := r.again(resp, err, try)
		if !again || try == maxTries || req.Body != nil {
			return resp, err
		}
		r.log.Debug("registry request is repeated", "host", req.URL.Host, "path", req.URL.Path, "try", try, "pause", pause)
		if resp != nil {
			_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
			_ = resp.Body.Close()
		}
		if err := sleep(req.Context(), pause); err != nil {
			return nil, err
		}
	}
}

// again says whether to try again, and after which pause.
func (r retry) again(resp *http.Response, err error, try int) (time.Duration, bool) {
	pause := pauseBefore(r.backoff, try)
	if err != nil {
		return pause, broken(err)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		asked := retryAfter(resp.Header.Get("Retry-After"))
		return max(pause, asked), asked <= maxRetryAfter
	}
	return 0, false
}

// pauseBefore doubles from try to try, with up to a quarter more by chance so
// that many clients do not come back together.
func pauseBefore(base time.Duration, try int) time.Duration {
	d := base << (try - 1)
	return d + rand.N(d/4+1)
}

// retryAfter reads the header of that name (RFC 9110, section 10.2.3).
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(min(max(seconds, 0), 1<<30)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// broken reports whether a connection could not be made or was cut.
func broken(err error) bool {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return false
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.IsTemporary
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	for _, cut := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, net.ErrClosed} {
		if errors.Is(err, cut) {
			return true
		}
	}
	return false
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// checkRedirect follows a registry to where it keeps its layers, but not from
// TLS to plain HTTP.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errors.New("too many redirects")
	}
	if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return errors.New("the registry redirects from https to plain http")
	}
	return nil
}
