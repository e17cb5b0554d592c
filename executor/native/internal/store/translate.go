package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// credentialsError leaves out the text of what failed: the output of a helper
// could hold anything.
func credentialsError(repo name.Repository) error {
	return markf(executor.ErrUnauthorized, "registry %s: cannot read its credentials from docker's configuration or credential helper; try docker login %s", repo.RegistryStr(), repo.RegistryStr())
}

// translate turns what a registry or the way to it did into one of the
// executor's sentinels.
func (c *client) translate(ctx context.Context, err error) error {
	host := c.repo.RegistryStr()
	if ctx.Err() != nil {
		cause := context.Cause(ctx)
		if errors.Is(cause, errSilent) {
			return markf(executor.ErrUnreachable, "registry %s: no data for %s", host, c.store.opts.Timeout)
		}
		return cause
	}
	if errors.Is(err, executor.ErrUnsupported) || errors.Is(err, executor.ErrUnreachable) || errors.Is(err, executor.ErrUnauthorized) {
		return fmt.Errorf("registry %s: %w", host, withoutURL(err))
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return markf(executor.ErrUnreachable, "registry %s: its certificate is not trusted: %w; put its authority into /etc/docker/certs.d/%s/ca.crt", host, certificate.Err, host)
	}
	var answer *transport.Error
	if errors.As(err, &answer) {
		return c.translateStatus(answer)
	}
	return markf(executor.ErrUnreachable, "registry %s: %s", host, firstLine(withoutURL(err)))
}

func (c *client) translateStatus(answer *transport.Error) error {
	host, repo := c.repo.RegistryStr(), c.repo.RepositoryStr()
	said := answerText(answer)
	switch answer.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return markf(executor.ErrUnauthorized, "registry %s does not give access to %s: %s; check the name and docker login %s", host, repo, said, host)
	case http.StatusNotFound:
		return markf(executor.ErrImageNotFound, "registry %s does not have it: %s", host, said)
	}
	return markf(executor.ErrUnreachable, "registry %s: %s", host, said)
}

// answerText is what the registry said, in one line.
func answerText(answer *transport.Error) string {
	text := fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	if len(answer.Errors) > 0 {
		text = strings.TrimSpace(strings.ToLower(string(answer.Errors[0].Code)) + " " + answer.Errors[0].Message)
	}
	return firstLine(errors.New(text))
}

// firstLine keeps what somebody else wrote short and printable.
func firstLine(err error) string {
	const longest = 300
	text, _, _ := strings.Cut(err.Error(), "\n")
	if len(text) > longest {
		text = text[:longest] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
