package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// enoughProgress is how much a try must have brought for the count of tries to
// begin anew, so that a connection that breaks often still gets there, and one
// that brings a byte a time does not go on for ever.
const enoughProgress = 256 << 10

// download gets one blob into partial and, verified, from there into blobs.
type download struct {
	*client
	progress *progress
	layer    layer
	file     *os.File
	hash     *hashReader // of what the file holds; n is its length
	resumed  bool        // the file begins with what an earlier call has left
}

func (d *download) run(ctx context.Context) error {
	file, err := os.OpenFile(d.store.partialPath(d.layer.digest), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	d.file = file
	if err := d.begin(); err != nil {
		return d.end(err)
	}
	err = d.fetch(ctx)
	var wrong *wrongDigestError
	if errors.As(err, &wrong) && d.resumed {
		// A crash can leave a file with holes. Once more from the beginning.
		d.store.log.Debug("resumed download is wrong, starting over", "digest", d.layer.digest.String())
		if err = d.restart(); err == nil {
			err = d.fetch(ctx)
		}
	}
	return d.end(err)
}

// begin hashes what an earlier call has left.
func (d *download) begin() error {
	info, err := d.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > d.layer.size {
		return d.restart()
	}
	d.hash = newHashReader(d.file)
	if _, err := io.Copy(io.Discard, d.hash); err != nil {
		return err
	}
	d.resumed = d.hash.n > 0
	d.progress.add(d.hash.n)
	return nil
}

func (d *download) restart() error {
	if d.hash != nil {
		d.progress.add(-d.hash.n)
	}
	d.hash, d.resumed = newHashReader(nil), false
	if _, err := d.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return d.file.Truncate(0)
}

// fetch gets what is missing, over as many connections as it takes.
func (d *download) fetch(ctx context.Context) error {
	for try := 1; d.hash.n < d.layer.size; try++ {
		before := d.hash.n
		err := d.stream(ctx)
		if err == nil {
			continue
		}
		var cut *cutError
		if !errors.As(err, &cut) {
			return err
		}
		if d.hash.n-before >= enoughProgress {
			try = 1
		}
		if try >= maxTries {
			return d.translate(ctx, cut.err)
		}
		d.store.log.Debug("download was cut", "digest", d.layer.digest.String(), "have", d.hash.n, "size", d.layer.size)
		if err := sleep(ctx, pauseBefore(d.store.opts.Backoff, try)); err != nil {
			return err
		}
	}
	if got := d.hash.sum(); got != d.layer.digest {
		return &wrongDigestError{got: got, want: d.layer.digest}
	}
	return nil
}

// wrongDigestError: the content is not what it was said to be.
type wrongDigestError struct{ got, want v1.Hash }

func (e *wrongDigestError) Error() string {
	return fmt.Sprintf("wrong digest: the registry sent %s, the manifest says %s", e.got, e.want)
}

// cutError: a connection broke within a body.
type cutError struct{ err error }

func (e *cutError) Error() string { return "cut: " + e.err.Error() }
func (e *cutError) Unwrap() error { return e.err }

// stream makes one request and copies its body.
func (d *download) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	header := http.Header{"Accept": {"*/*"}}
	if d.hash.n > 0 {
		header.Set("Range", "bytes="+strconv.FormatInt(d.hash.n, 10)+"-")
	}
	resp, err := d.do(ctx, http.MethodGet, "blobs/"+d.layer.digest.String(), header)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := d.position(ctx, resp); err != nil {
		return err
	}
	body := watch(resp.Body, d.store.opts.Timeout, cancel)
	defer body.stop()
	err = d.copy(body)
	if err != nil && ctx.Err() != nil {
		return d.translate(ctx, err)
	}
	return err
}

// position makes the file fit the part that the registry sends.
func (d *download) position(ctx context.Context, resp *http.Response) error {
	switch resp.StatusCode {
	case http.StatusPartialContent:
		var from int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &from); err == nil && from == d.hash.n {
			return nil
		}
		return markf(executor.ErrUnreachable, "registry %s: it sent another part of the layer than it was asked for", d.repo.RegistryStr())
	case http.StatusOK:
		// The registry does not know ranges, or there was nothing yet.
		return d.restart()
	case http.StatusRequestedRangeNotSatisfiable:
		return &wrongDigestError{got: d.hash.sum(), want: d.layer.digest}
	}
	return d.translate(ctx, transport.CheckError(resp, http.StatusOK))
}

// copy appends a body to the file. More than the manifest announces is an error.
func (d *download) copy(body io.Reader) error {
	left := d.layer.size - d.hash.n
	w := io.MultiWriter(d.file, d.hash.hash, d.progress)
	buf := make([]byte, 128<<10)
	for {
		n, err := body.Read(buf)
		if int64(n) > left {
			return fmt.Errorf("the registry sends more than the %d bytes of the manifest", d.layer.size)
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		d.hash.n += int64(n)
		left -= int64(n)
		if err != nil {
			if errors.Is(err, io.EOF) && left == 0 {
				return nil
			}
			return &cutError{unexpected(err)}
		}
	}
}

// end keeps what can be of use: a whole blob under its name, the beginning of
// one for the next try; unless it is wrong or the disk is full.
func (d *download) end(err error) error {
	var wrong *wrongDigestError
	switch {
	case err == nil:
		return d.store.commit(d.file, nil, d.store.blobPath(d.layer.digest))
	case errors.As(err, &wrong), errors.Is(d.store.onDisk(err), executor.ErrDiskFull):
		_ = os.Remove(d.file.Name())
	}
	_ = d.file.Close()
	return err
}
