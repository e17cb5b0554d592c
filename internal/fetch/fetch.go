// Package fetch reads the documents that a user names: a local file, standard
// input, or a URL, each within limits of size and time.
//
// Credentials in a URL, and its query, never reach names, errors or logs.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Defaults of Options.
const (
	DefaultMaxBytes = 16 << 20
	DefaultTimeout  = time.Minute
	DefaultPause    = 250 * time.Millisecond
)

// Options say how to read. The zero value is usable.
type Options struct {
	// Stdin is what "-" reads. Nil: "-" is an error.
	Stdin io.Reader
	// MaxBytes limits the document. Default DefaultMaxBytes.
	MaxBytes int64
	// Timeout limits reading a URL, all tries and redirects together; files
	// and standard input end with ctx only. Default DefaultTimeout.
	Timeout time.Duration
	// Pause is the time before the second try of a URL; it doubles with each
	// further one. Default DefaultPause.
	Pause time.Duration
	// Transport makes the requests. Default: an own one with the proxy settings
	// of the environment.
	Transport http.RoundTripper
	// Logger hears of tries that failed. Nil: nobody does.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Pause <= 0 {
		o.Pause = DefaultPause
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Document is what was read.
type Document struct {
	// Name is what messages call it: the path, "stdin", or the URL without
	// credentials and query.
	Name string
	Data []byte
	// HTML: a server said that it is a web page. Who expected anything else may
	// have got a login form.
	HTML bool
}

// Explain adds to the error of a parser what is known of the document that it
// could not parse. It gives nil for nil.
func (d Document) Explain(err error) error {
	if err == nil || !d.HTML {
		return err
	}
	return fmt.Errorf("%w\n%s: the server says that this is a web page (text/html), perhaps a login form; use the URL of the raw file", err, d.Name)
}

// Read reads the document that source names: "-" is standard input, what
// begins with http:// or https:// a URL, anything else a path.
//
// A path may name a pipe: Read then waits for a writer until ctx ends. Reading
// standard input cannot be ended, unless Stdin has a SetReadDeadline that
// works.
//
// A URL is read with GET. Credentials in it are sent as basic authentication
// to its own scheme, host and port only. At most five redirects are followed,
// none from https to http. Connections that cannot be made and the statuses
// 429, 502, 503 and 504 are tried again, four tries in all, with the pauses
// that the server asks for (Retry-After) or that Options.Pause gives.
//
// Errors name the source and match fs.ErrNotExist and fs.ErrPermission for
// files, and the cause of ctx when that ended the call.
func Read(ctx context.Context, source string, o Options) (Document, error) {
	o = o.withDefaults()
	switch {
	case source == "":
		return Document{}, errors.New("read document: no path, URL or - given")
	case source == "-":
		return readStdin(ctx, o)
	case isURL(source):
		return readURL(ctx, source, o)
	}
	return readFile(ctx, source, o)
}

func isURL(source string) bool {
	scheme, _, ok := strings.Cut(source, "://")
	return ok && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}

// readAll reads to the end, at most max bytes.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("larger than the limit of %d bytes", limit)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}
