package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// progressEvery is how often a pull tells how far it is.
const progressEvery = 500 * time.Millisecond

// pull has the engine pull an image.
func (e *Executor) pull(ctx context.Context, req executor.ImageRequest) error {
	auth, err := credentials(req.Ref)
	if err != nil {
		return err
	}
	platform, err := parsePlatform(e.platform)
	if err != nil {
		return err
	}
	options := client.ImagePullOptions{RegistryAuth: auth}
	if platform != nil {
		options.Platforms = []ocispec.Platform{*platform}
	}
	tell(req, executor.Progress{Message: "pulling " + req.Ref})
	stream, err := e.api.ImagePull(ctx, req.Ref, options)
	if err != nil {
		return e.aboutImage(ctx, err)
	}
	defer func() { _ = stream.Close() }() // it is read to its end, or has failed
	layers := transfer{req: req}
	for message, err := range stream.JSONMessages(ctx) {
		switch {
		case err != nil:
			return e.translate(ctx, err)
		case message.Error != nil:
			return e.aboutImage(ctx, message.Error)
		}
		layers.add(message)
	}
	return nil
}

// transfer adds up what the engine tells about single layers.
type transfer struct {
	req         executor.ImageRequest
	done, total map[string]int64
	told        time.Time
}

func (t *transfer) add(m jsonstream.Message) {
	if m.ID == "" || m.Progress == nil || m.Status != "Downloading" {
		return
	}
	if t.done == nil {
		t.done, t.total = map[string]int64{}, map[string]int64{}
	}
	t.done[m.ID], t.total[m.ID] = m.Progress.Current, m.Progress.Total
	if time.Since(t.told) < progressEvery {
		return
	}
	t.told = time.Now()
	p := executor.Progress{Message: "pulling " + t.req.Ref}
	for id := range t.done {
		p.Done += t.done[id]
		p.Total += t.total[id]
	}
	tell(t.req, p)
}

func defaultPlatform() string { return os.Getenv("DOCKER_DEFAULT_PLATFORM") }

// parsePlatform reads OS/ARCHITECTURE[/VARIANT]; nil means the engine's own.
func parsePlatform(text string) (*ocispec.Platform, error) {
	if text == "" {
		return nil, nil
	}
	parts := strings.Split(text, "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] != "linux" || slices.Contains(parts, "") {
		return nil, fmt.Errorf("platform %q: want linux/ARCHITECTURE[/VARIANT]: %w", text, executor.ErrUnsupported)
	}
	p := &ocispec.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

// loadedName reads what the engine says after loading an archive: the last
// image that it names.
func loadedName(r io.Reader) (string, error) {
	loaded := ""
	dec := json.NewDecoder(r)
	for {
		var m jsonstream.Message
		err := dec.Decode(&m)
		switch {
		case errors.Is(err, io.EOF):
			if loaded == "" {
				return "", errors.New("the engine does not say what it loaded")
			}
			return loaded, nil
		case err != nil:
			return "", fmt.Errorf("read the engine's answer: %w", err)
		case m.Error != nil:
			return "", m.Error
		}
		for line := range strings.Lines(m.Stream) {
			for _, prefix := range []string{"Loaded image ID: ", "Loaded image: ", "Loaded image(s): "} {
				if ref, ok := strings.CutPrefix(strings.TrimSpace(line), prefix); ok {
					loaded = ref
				}
			}
		}
	}
}
