package store

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Builtin makes images out of the running program.
type Builtin interface {
	// Key is cheap and changes whenever the image would. An unknown name is
	// executor.ErrImageNotFound.
	Key(name string) (string, error)
	// WriteArchive writes the image in the docker-archive format.
	WriteArchive(ctx context.Context, name string, w io.Writer) error
}

// Options say how a store works. The zero value is usable.
type Options struct {
	// Logger hears details; nil discards them.
	Logger *slog.Logger
	// Rootless unpacks as an ordinary user: owners are not kept, and overlay
	// marks are user.overlay.* instead of trusted.overlay.*.
	Rootless bool
	// Builtin serves references "builtin:NAME"; nil means none are known.
	Builtin Builtin
	// MaxLayer is how many bytes one layer may unpack to, its archive headers
	// included. 0 takes KOG_MAX_LAYER_SIZE from the environment, or else the
	// larger of 4 GiB and 200 times the layer's stored size.
	MaxLayer int64
	// Timeout is how long a registry may stay silent: while a connection is
	// made, before an answer, within a download. 0 means 30 seconds.
	Timeout time.Duration
	// Backoff is the first pause before a registry is asked again; it doubles
	// with each of the at most three further tries. 0 means 300 ms.
	Backoff time.Duration
	// RootCAs replaces the system's certificate authorities when not nil.
	RootCAs *x509.CertPool
	// CertDirs hold HOST[:PORT]/*.crt, further authorities by registry, and
	// pairs of *.cert and *.key to be shown to it. nil means
	// /etc/docker/certs.d and /etc/containers/certs.d.
	CertDirs []string
}

const (
	defaultTimeout = 30 * time.Second
	defaultBackoff = 300 * time.Millisecond
)

// Store keeps images in a folder. Its methods may be called concurrently, and
// several processes may use the same folder.
type Store struct {
	dir    string
	opts   Options
	log    *slog.Logger
	layers string // the folder of layers, below dir
}

// Rootfs is an unpacked image.
type Rootfs struct {
	Config executor.ImageConfig
	// Layers are absolute paths of unpacked layers, the lowest first. They all
	// lie in one folder, and nobody may write to them.
	Layers []string
	// FlattenOnly: a layer could not be written in the format of overlayfs, so
	// that the layers must go through Flatten instead of an overlay mount.
	FlattenOnly bool
	// Digest names the image's manifest; for a docker-archive, which has none,
	// its configuration.
	Digest string
}

// Open opens the store in dir, which it makes if necessary, and removes what
// crashed processes left there. A relative dir is relative to the working
// directory of now.
//
// Errors: executor.ErrUnsupported on systems other than Linux, a bad
// KOG_MAX_LAYER_SIZE, or a dir that cannot be made or written to.
func Open(dir string, o Options) (*Store, error) {
	if err := supported(); err != nil {
		return nil, fmt.Errorf("image store: %w", err)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("image store: %w", err)
	}
	s := &Store{dir: dir, opts: o, log: o.Logger, layers: "layers"}
	if err := s.setDefaults(); err != nil {
		return nil, fmt.Errorf("image store %s: %w", dir, err)
	}
	for _, sub := range []string{"locks", "tmp", "partial", filepath.Join("blobs", "sha256"), s.layers, "images", "refs"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, s.onDisk(fmt.Errorf("image store: %w", err))
		}
	}
	if err := s.clean(); err != nil {
		return nil, s.onDisk(fmt.Errorf("image store %s: clean up: %w", dir, err))
	}
	return s, nil
}

func (s *Store) setDefaults() error {
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.opts.Rootless {
		s.layers = "layers.user"
	}
	if s.opts.Timeout <= 0 {
		s.opts.Timeout = defaultTimeout
	}
	if s.opts.Backoff <= 0 {
		s.opts.Backoff = defaultBackoff
	}
	if s.opts.CertDirs == nil {
		s.opts.CertDirs = []string{"/etc/docker/certs.d", "/etc/containers/certs.d"}
	}
	if s.opts.MaxLayer == 0 {
		limit, err := parseSize(os.Getenv(maxLayerEnv))
		if err != nil {
			return fmt.Errorf("environment variable %s: %w", maxLayerEnv, err)
		}
		s.opts.MaxLayer = limit
	}
	return nil
}

// Rootfs gives the unpacked layers of an image that Resolve has given. It does
// not use the network. An image that is not in the store, or no longer whole,
// is executor.ErrImageNotFound.
func (s *Store) Rootfs(_ context.Context, pinned string) (Rootfs, error) {
	ref, err := parseReference(pinned)
	if err != nil {
		return Rootfs{}, err
	}
	img, ok := s.lookup(ref)
	if !ok {
		return Rootfs{}, markf(executor.ErrImageNotFound, "image %s is not in the store %s; it has to be resolved first", pinned, s.dir)
	}
	root := Rootfs{Config: img.Config, Digest: img.Digest.String()}
	for _, id := range img.DiffIDs {
		dir, flat, ok := s.findLayer(id)
		if !ok {
			return Rootfs{}, markf(executor.ErrImageNotFound, "image %s: its layer %s is no longer in the store %s", pinned, short(id), s.dir)
		}
		root.Layers = append(root.Layers, dir)
		root.FlattenOnly = root.FlattenOnly || flat
	}
	return root, nil
}

// flatSuffix marks a layer that only Flatten understands.
const flatSuffix = ".f"

// layerDir is where a layer is, or will be.
func (s *Store) layerDir(diffID v1.Hash) string {
	return filepath.Join(s.dir, s.layers, layerID(diffID))
}

// findLayer says where an unpacked layer is, and whether only Flatten understands it.
func (s *Store) findLayer(diffID v1.Hash) (dir string, flat, ok bool) {
	dir = s.layerDir(diffID)
	if _, err := os.Lstat(dir); err == nil {
		return dir, false, true
	}
	if _, err := os.Lstat(dir + flatSuffix); err == nil {
		return dir + flatSuffix, true, true
	}
	return "", false, false
}

// layerID shortens a sha256 digest to 128 bits in lower-case base 32.
func layerID(h v1.Hash) string {
	sum, err := hex.DecodeString(h.Hex)
	if err != nil || len(sum) != sha256.Size {
		return "invalid" // v1.Hash is checked where it is parsed; no layer has this name
	}
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

// short is a digest for people.
func short(h v1.Hash) string { return h.Algorithm + ":" + h.Hex[:min(12, len(h.Hex))] }

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}
