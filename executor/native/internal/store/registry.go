package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// accepted are the media types of manifests and indexes that can be read.
var accepted = strings.Join([]string{
	string(types.OCIImageIndex), string(types.DockerManifestList),
	string(types.OCIManifestSchema1), string(types.DockerManifestSchema2),
}, ",")

// client talks to one repository of one registry.
// Source of the protocol: OCI Distribution Specification 1.1, "Pull".
type client struct {
	repo  name.Repository
	http  *http.Client
	base  *http.Transport
	store *Store
}

// connect finds out how the registry wants to be talked to, and logs in with
// the credentials of docker's configuration. The client must be closed.
func (s *Store) connect(ctx context.Context, repo name.Repository) (*client, error) {
	tlsConfig, err := s.tlsConfig(repo.RegistryStr())
	if err != nil {
		return nil, err
	}
	auth, err := authn.Resolve(ctx, authn.DefaultKeychain, repo)
	if err != nil {
		return nil, credentialsError(repo)
	}
	base := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: s.opts.Timeout}).DialContext,
		TLSClientConfig:       tlsConfig,
		TLSHandshakeTimeout:   s.opts.Timeout,
		ResponseHeaderTimeout: s.opts.Timeout,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
		MaxIdleConnsPerHost:   parallel,
	}
	c := &client{repo: repo, base: base, store: s}
	trip := transport.NewUserAgent(retry{inner: guard{base}, backoff: s.opts.Backoff, log: s.log}, "kog")
	authed, err := transport.NewWithContext(ctx, repo.Registry, auth, trip, []string{repo.Scope(transport.PullScope)})
	if err != nil {
		c.close()
		return nil, c.translate(ctx, err)
	}
	c.http = &http.Client{Transport: authed, CheckRedirect: checkRedirect}
	return c, nil
}

func (c *client) close() { c.base.CloseIdleConnections() }

// head asks what a tag means without getting it. ok is false when the registry
// does not say; get then finds out why.
func (c *client) head(ctx context.Context, identifier string) (digest v1.Hash, ok bool, err error) {
	resp, err := c.do(ctx, http.MethodHead, "manifests/"+identifier, nil)
	if err != nil {
		return v1.Hash{}, false, err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return v1.Hash{}, false, nil
	}
	digest, err = v1.NewHash(resp.Header.Get("Docker-Content-Digest"))
	return digest, err == nil, nil
}

// get fetches a manifest or index by tag or digest.
func (c *client) get(ctx context.Context, identifier string) ([]byte, v1.Descriptor, error) {
	data, media, err := c.read(ctx, "manifests/"+identifier)
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	sum := sha256.Sum256(data)
	d := v1.Descriptor{
		MediaType: types.MediaType(media),
		Size:      int64(len(data)),
		Digest:    v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])},
	}
	if strings.Contains(identifier, ":") && d.Digest.String() != identifier {
		return nil, d, fmt.Errorf("registry %s sent a wrong manifest: it has the digest %s, asked for was %s", c.repo.RegistryStr(), d.Digest, identifier)
	}
	return data, d, nil
}

func (c *client) manifest(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	data, _, err := c.get(ctx, d.Digest.String())
	return data, err
}

func (c *client) blob(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	data, _, err := c.read(ctx, "blobs/"+d.Digest.String())
	if err != nil {
		return nil, err
	}
	return data, checkDigest(data, d.Digest)
}

func checkDigest(data []byte, want v1.Hash) error {
	got, _, err := v1.SHA256(bytes.NewReader(data))
	if err == nil && got != want {
		return fmt.Errorf("wrong digest: it has %s, asked for was %s", got, want)
	}
	return err
}

// read fetches something small.
func (c *client) read(ctx context.Context, what string) (data []byte, mediaType string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	resp, err := c.do(ctx, http.MethodGet, what, nil)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := transport.CheckError(resp, http.StatusOK); err != nil {
		return nil, "", c.translate(ctx, err)
	}
	body := watch(resp.Body, c.store.opts.Timeout, cancel)
	defer body.stop()
	data, err = io.ReadAll(io.LimitReader(body, maxDocument+1))
	if err != nil {
		return nil, "", c.translate(ctx, err)
	}
	if len(data) > maxDocument {
		return nil, "", fmt.Errorf("registry %s sent a manifest or configuration of more than %s", c.repo.RegistryStr(), size(maxDocument))
	}
	return data, resp.Header.Get("Content-Type"), nil
}

// do makes a request below the repository.
func (c *client) do(ctx context.Context, method, what string, header http.Header) (*http.Response, error) {
	u := url.URL{Scheme: c.repo.Scheme(), Host: c.repo.RegistryStr(), Path: "/v2/" + c.repo.RepositoryStr() + "/" + what}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accepted)
	for key, values := range header {
		req.Header[key] = values
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.translate(ctx, err)
	}
	return resp, nil
}

// withoutURL removes the address from an error of the HTTP client: one that
// was redirected to can carry a signature.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
