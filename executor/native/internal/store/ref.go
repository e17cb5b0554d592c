package store

import (
	"errors"
	"net"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// The kinds of references, by what stands before the first colon.
const (
	kindRegistry      = ""
	kindLayout        = "oci"
	kindLayoutArchive = "oci-archive"
	kindDockerArchive = "docker-archive"
	kindBuiltin       = "builtin"
	kindStored        = "store" // a pinned image that no registry has
)

// reference is a parsed image reference.
type reference struct {
	text string // as it was asked for
	kind string
	rest string  // what follows the kind, for kinds other than registry
	hash v1.Hash // of kindStored, and of a registry reference by digest
	// remote is set for kindRegistry.
	remote name.Reference
}

// parseReference reads a reference: KIND:REST for the kinds above, else the
// name of a registry's image as docker reads it (docker.io and library/ are
// what is left out, latest is the tag).
func parseReference(text string) (reference, error) {
	kind, rest, _ := strings.Cut(text, ":")
	switch kind {
	case kindLayout, kindLayoutArchive, kindDockerArchive, kindBuiltin:
		if rest == "" {
			return reference{}, markf(executor.ErrImageNotFound, "image %q: nothing follows %s:", text, kind)
		}
		return reference{text: text, kind: kind, rest: rest}, nil
	case kindStored:
		if hash, err := v1.NewHash(rest); err == nil && hash.Algorithm == "sha256" {
			return reference{text: text, kind: kindStored, rest: rest, hash: hash}, nil
		}
	}
	remote, err := parseName(text)
	if err == nil && loopback(remote.Context().RegistryStr()) {
		remote, err = name.ParseReference(text, name.Insecure)
	}
	if err != nil {
		return reference{}, markf(executor.ErrImageNotFound,
			"image %q is not a valid reference: want [HOST/]NAME[:TAG|@sha256:DIGEST], oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:TAG] or builtin:NAME", text)
	}
	ref := reference{text: text, remote: remote}
	if digest, ok := remote.(name.Digest); ok {
		if ref.hash, err = v1.NewHash(digest.DigestStr()); err != nil || ref.hash.Algorithm != "sha256" {
			return reference{}, markf(executor.ErrUnsupported, "image %q: only sha256 digests are supported", text)
		}
	}
	return ref, nil
}

// parseName refuses addresses, of which a part could pass as a name.
func parseName(text string) (name.Reference, error) {
	if strings.Contains(text, "://") {
		return nil, errors.New("an address, not a name")
	}
	return name.ParseReference(text)
}

// canonical is the same for all spellings of a reference.
func (r reference) canonical() string {
	if r.kind == kindRegistry {
		return r.remote.Name()
	}
	return r.text
}

// pinned names exactly the image with that digest.
func (r reference) pinned(digest v1.Hash) string {
	if r.kind == kindRegistry {
		return r.remote.Context().Digest(digest.String()).Name()
	}
	return kindStored + ":" + digest.String()
}

// byDigest: the reference can only ever mean one image.
func (r reference) byDigest() bool { return r.hash.Hex != "" }

// loopback reports whether a registry is on this machine, so that plain HTTP
// to it stays here.
func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// splitTag splits PATH[:TAG] so that the path exists. A path may contain
// colons itself: the longest one that exists is meant.
func splitTag(s string) (path, tag string, ok bool) {
	for end := len(s); end > 0; end = strings.LastIndexByte(s[:end], ':') {
		if _, err := os.Stat(s[:end]); err == nil {
			return s[:end], strings.TrimPrefix(s[end:], ":"), true
		}
	}
	return s, "", false
}
