package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"path"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// holder is a container that is never started. It holds the files of another
// one in an anonymous volume, from where they are mounted read-only, each to
// its place: over volumes, into read-only file systems, and so that not even
// root changes them. Copying them into the container itself gives none of that.
type holder struct {
	name string // empty when there are no files
	// dir is the volume's folder as the engine sees it.
	dir   string
	paths []string // where the files go, by number
}

// filesDir is where a holder has its volume.
const filesDir = "/files"

// hold makes the holder of a spec's files. Each has a name of its own, so that
// whoever starts the same ID at the same time does not touch it.
func (e *Executor) hold(ctx context.Context, spec executor.Spec) (holder, error) {
	if len(spec.Files) == 0 {
		return holder{}, nil
	}
	h := holder{name: spec.ID + "-files-" + strings.ToLower(rand.Text()[:8])}
	labels := maps.Clone(spec.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[labelRole], labels[labelFor] = roleFiles, spec.ID
	_, err := e.api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: h.name,
		Config: &container.Config{
			Image: spec.Image, Entrypoint: []string{"none"}, Labels: labels,
		},
		HostConfig: &container.HostConfig{
			NetworkMode: executor.NetworkNone,
			Mounts:      []mount.Mount{{Type: mount.TypeVolume, Target: filesDir}},
		},
	})
	if err != nil {
		return holder{}, e.translate(ctx, err)
	}
	if err := e.fill(ctx, &h, spec.Files); err != nil {
		return holder{}, errors.Join(err, e.discard(ctx, h.name))
	}
	return h, nil
}

// fill copies the files into the holder's volume and learns where that is.
func (e *Executor) fill(ctx context.Context, h *holder, files []executor.File) error {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for i, f := range files {
		h.paths = append(h.paths, f.Path)
		err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: strconv.Itoa(i), Mode: 0o444, Size: int64(len(f.Data))})
		if err == nil {
			_, err = w.Write(f.Data)
		}
		if err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err := e.api.CopyToContainer(ctx, h.name, client.CopyToContainerOptions{DestinationPath: filesDir, Content: &archive})
	if err != nil {
		return fmt.Errorf("copy files: %w", e.translate(ctx, err))
	}
	c, err := e.inspect(ctx, h.name)
	if err != nil {
		return err
	}
	for _, m := range c.Mounts {
		if m.Destination == filesDir {
			h.dir = m.Source
		}
	}
	if h.dir == "" {
		return errors.New("copy files: the engine does not say where it keeps the volume")
	}
	return nil
}

// mounts puts the files into a container.
func (h holder) mounts() []mount.Mount {
	mounts := make([]mount.Mount, len(h.paths))
	for i, target := range h.paths {
		mounts[i] = bind(path.Join(h.dir, strconv.Itoa(i)), target)
	}
	return mounts
}
