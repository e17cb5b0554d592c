package store

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// maxDocument is the largest manifest, index or configuration that is read.
const maxDocument = 8 << 20

// maxLayers is how many layers an image may have: as many as docker allows.
const maxLayers = 127

// maxIndexDepth is how deep indexes may be nested in each other.
const maxIndexDepth = 4

// source is where the parts of an image are. What it gives is verified.
type source interface {
	// manifest gives a manifest or an index, blob any other small part.
	manifest(ctx context.Context, d v1.Descriptor) ([]byte, error)
	blob(ctx context.Context, d v1.Descriptor) ([]byte, error)
	// layer gives the stored bytes of a layer.
	layer(ctx context.Context, l layer) (io.ReadCloser, error)
}

// layer is one layer of an image that is not in the store yet.
type layer struct {
	diffID v1.Hash
	// digest is that of the stored bytes; empty when only the diff ID is known.
	digest v1.Hash
	size   int64
	// open gives the stored bytes, compressed or not.
	open func(context.Context) (io.ReadCloser, error)
}

// found is an image that a source has: all but the content of its layers.
type found struct {
	digest v1.Hash
	config *v1.ConfigFile
	layers []layer
}

// pick goes from what a reference named to the manifest for this machine.
func pick(ctx context.Context, src source, d v1.Descriptor) (v1.Descriptor, *v1.Manifest, error) {
	for range maxIndexDepth {
		data, err := src.manifest(ctx, d)
		if err != nil {
			return d, nil, err
		}
		var doc struct {
			v1.Manifest
			Manifests []v1.Descriptor `json:"manifests"`
			FSLayers  json.RawMessage `json:"fsLayers"`
		}
		if err := json.Unmarshal(data, &doc); err != nil {
			return d, nil, fmt.Errorf("manifest %s is not valid: %w", short(d.Digest), err)
		}
		media := types.MediaType(strings.TrimSpace(string(doc.MediaType)))
		if media == "" {
			media = d.MediaType
		}
		switch {
		case doc.FSLayers != nil || media.IsSchema1():
			return d, nil, markf(executor.ErrUnsupported, "manifest %s has the old schema 1; push the image again with a current tool", short(d.Digest))
		case doc.Manifests != nil:
			if d, err = choose(doc.Manifests); err != nil {
				return d, nil, err
			}
		case doc.Config.Digest.Hex == "":
			return d, nil, markf(executor.ErrUnsupported, "%s is neither an image nor an index of images", short(d.Digest))
		default:
			return d, &doc.Manifest, checkLayers(doc.Layers)
		}
	}
	return d, nil, fmt.Errorf("indexes are nested more than %d deep", maxIndexDepth)
}

func checkLayers(layers []v1.Descriptor) error {
	if len(layers) > maxLayers {
		return markf(executor.ErrUnsupported, "the image has %d layers, at most %d are supported", len(layers), maxLayers)
	}
	for _, l := range layers {
		if l.Size < 0 || l.Digest.Algorithm != "sha256" {
			return markf(executor.ErrUnsupported, "layer %s: only sha256 digests and known sizes are supported", short(l.Digest))
		}
	}
	return nil
}

// platform is what containers on this machine run.
func platform() v1.Platform { return v1.Platform{OS: "linux", Architecture: runtime.GOARCH} }

// plainVariants are the variants of an architecture that every machine of it
// runs, the best first. Others are taken when there is nothing else.
func plainVariants(arch string) []string {
	switch arch {
	case "amd64":
		return []string{"", "v1"}
	case "arm64":
		return []string{"v8", ""}
	case "arm":
		return []string{"v7", "v6", "", "v5"}
	}
	return []string{""}
}

// choose picks the entry of an index that fits this machine.
func choose(entries []v1.Descriptor) (v1.Descriptor, error) {
	want := platform()
	var fit []v1.Descriptor
	var there []string
	for _, e := range entries {
		switch {
		case e.Platform == nil && len(entries) == 1:
			return e, nil
		case e.Platform == nil || e.Platform.OS == "unknown":
			// an attestation or a signature, not an image
		case e.Platform.OS == want.OS && e.Platform.Architecture == want.Architecture:
			fit = append(fit, e)
		default:
			there = append(there, platformName(*e.Platform))
		}
	}
	if len(fit) == 0 {
		slices.Sort(there)
		list := strings.Join(slices.Compact(there), ", ")
		if list == "" {
			list = "nothing that names a platform"
		}
		return v1.Descriptor{}, markf(executor.ErrUnsupported, "there is no image for %s, only for %s", platformName(want), list)
	}
	for _, variant := range plainVariants(want.Architecture) {
		for _, e := range fit {
			if e.Platform.Variant == variant {
				return e, nil
			}
		}
	}
	return fit[0], nil
}

func platformName(p v1.Platform) string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// parseConfig reads an image's configuration and checks that it can run here.
func parseConfig(data []byte) (*v1.ConfigFile, error) {
	var c v1.ConfigFile
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("the image's configuration is not valid: %w", err)
	}
	want := platform()
	if (c.OS != "" && c.OS != want.OS) || (c.Architecture != "" && c.Architecture != want.Architecture) {
		have := v1.Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant}
		return nil, markf(executor.ErrUnsupported, "the image is for %s, not for %s", platformName(have), platformName(want))
	}
	for _, id := range c.RootFS.DiffIDs {
		if id.Algorithm != "sha256" {
			return nil, markf(executor.ErrUnsupported, "layer %s: only sha256 digests are supported", short(id))
		}
	}
	return &c, nil
}

// assemble reads the configuration that a manifest names and pairs the
// manifest's layers with its diff IDs.
func assemble(ctx context.Context, src source, d v1.Descriptor, m *v1.Manifest) (found, error) {
	data, err := src.blob(ctx, m.Config)
	if err != nil {
		return found{}, fmt.Errorf("configuration %s: %w", short(m.Config.Digest), err)
	}
	c, err := parseConfig(data)
	if err != nil {
		return found{}, err
	}
	if len(m.Layers) != len(c.RootFS.DiffIDs) {
		return found{}, markf(executor.ErrUnsupported, "the manifest has %d layers, the configuration %d: not an image that can be run", len(m.Layers), len(c.RootFS.DiffIDs))
	}
	img := found{digest: d.Digest, config: c}
	for i, stored := range m.Layers {
		l := layer{diffID: c.RootFS.DiffIDs[i], digest: stored.Digest, size: stored.Size}
		l.open = func(ctx context.Context) (io.ReadCloser, error) { return src.layer(ctx, l) }
		img.layers = append(img.layers, l)
	}
	return img, nil
}

// imageConfig is the part of a configuration that the executor reads.
func imageConfig(c v1.Config) executor.ImageConfig {
	out := executor.ImageConfig{Entrypoint: c.Entrypoint, Cmd: c.Cmd, User: c.User, WorkingDir: c.WorkingDir}
	for _, variable := range c.Env {
		name, value, _ := strings.Cut(variable, "=")
		if name == "" {
			continue
		}
		if out.Env == nil {
			out.Env = map[string]string{}
		}
		out.Env[name] = value
	}
	return out
}
