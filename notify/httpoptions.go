package notify

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"slices"
	"strings"
)

// HTTPOptions are settings of an HTTP notifier. Its proxy is that of the
// environment: HTTP_PROXY, HTTPS_PROXY, NO_PROXY.
type HTTPOptions struct {
	// Header goes with every request. Values are secret. See ParseHeader.
	Header http.Header
	// TokenFile holds a bearer token, which is read anew for each try. It is
	// not sent to a URL that holds a user.
	TokenFile string
	// CAFile holds certificates in PEM that are trusted besides the system's.
	CAFile string
	// Secret signs. Default: notifications are not signed.
	Secret Secret
}

// ParseHeader reads lines "Name: value". Errors do not quote values.
// Source of the rule for names: RFC 9110, section 5.6.2.
func ParseHeader(lines []string) (http.Header, error) {
	h := http.Header{}
	for i, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		switch {
		case !ok || name == "" || strings.ContainsFunc(name, notInName):
			return nil, fmt.Errorf("header %d: want Name: value", i+1)
		case strings.ContainsFunc(value, func(c rune) bool { return c != '\t' && (c < ' ' || c == 0x7f) }):
			return nil, fmt.Errorf("header %s: control character in its value", name)
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if slices.Contains([]string{"Host", "Content-Type", "Content-Length", "Transfer-Encoding"}, name) || strings.HasPrefix(name, "Webhook-") {
			return nil, fmt.Errorf("header %s: is kog's own", name)
		}
		h.Add(name, value)
	}
	return h, nil
}

func notInName(c rune) bool {
	letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}

func (o HTTPOptions) check() error {
	if o.TokenFile != "" && o.Header.Get("Authorization") != "" {
		return errors.New("header Authorization and a token file: give one of them")
	}
	_, err := o.token()
	return err
}

// token reads the bearer token, "" when there is no file.
func (o HTTPOptions) token() (string, error) {
	if o.TokenFile == "" {
		return "", nil
	}
	data, err := os.ReadFile(o.TokenFile)
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return "", fmt.Errorf("read token: %s holds no token, or more than one", o.TokenFile)
	}
	return token, nil
}

func (o HTTPOptions) transport() (*http.Transport, error) {
	t := &http.Transport{
		Proxy: proxy, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if o.CAFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read certificates: %s holds none in PEM", o.CAFile)
	}
	t.TLSClientConfig.RootCAs = pool
	return t, nil
}

// proxy is that of the environment; the error of http.ProxyFromEnvironment
// would quote its password.
func proxy(req *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, errors.New("the proxy in the environment is not a URL")
	}
	return u, nil
}
