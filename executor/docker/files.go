package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// holder is a volume with the files of a container, from where they are mounted
// read-only, each to its place: over volumes, into read-only file systems, and
// so that not even root changes them. Copying them into the container itself
// gives none of that. Where this process sees the volume it writes them there.
// Elsewhere a container of the same name, which is never started, takes them.
type holder struct {
	name string // empty when there are no files
	// dir is the volume's folder as the engine sees it.
	dir   string
	paths []string // where the files go, by number
	// contained: it took a container to fill it.
	contained bool
}

// filesDir is where a holder's container has the volume.
const filesDir = "/files"

// holderPrefix begins the names of all holders that were made for an ID.
func holderPrefix(id string) string { return id + "-files-" }

// hold makes the holder of a spec's files. Each has a name of its own, so that
// whoever starts the same ID at the same time does not touch it.
func (e *Executor) hold(ctx context.Context, spec executor.Spec) (holder, error) {
	if len(spec.Files) == 0 {
		return holder{}, nil
	}
	h := holder{name: holderPrefix(spec.ID) + strings.ToLower(rand.Text()[:8])}
	if err := e.fill(ctx, &h, spec); err != nil {
		return holder{}, errors.Join(err, e.discard(ctx, h.name))
	}
	return h, nil
}

// fill makes the volume and copies the files into it.
func (e *Executor) fill(ctx context.Context, h *holder, spec executor.Spec) error {
	labels := with(spec.Labels, labelRole, roleFiles)
	volume, err := e.api.VolumeCreate(ctx, client.VolumeCreateOptions{Name: h.name, Labels: labels})
	if err != nil {
		return e.translate(ctx, err)
	}
	if h.dir = volume.Volume.Mountpoint; h.dir == "" {
		return errors.New("the engine does not say where it keeps a volume")
	}
	for _, f := range spec.Files {
		h.paths = append(h.paths, f.Path)
	}
	if e.local && writeInto(h.dir, spec.Files) == nil {
		return nil
	}
	h.contained = true
	_, err = e.api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: h.name,
		Config: &container.Config{
			Image: spec.Image, Entrypoint: []string{"none"}, Labels: labels,
		},
		HostConfig: &container.HostConfig{
			NetworkMode: executor.NetworkNone,
			Mounts:      []mount.Mount{{Type: mount.TypeVolume, Source: h.name, Target: filesDir}},
		},
	})
	if err != nil {
		return e.translate(ctx, err)
	}
	archive, err := pack(spec.Files)
	if err != nil {
		return err
	}
	_, err = e.api.CopyToContainer(ctx, h.name, client.CopyToContainerOptions{DestinationPath: filesDir, Content: archive})
	if err != nil {
		return fmt.Errorf("copy files: %w", e.translate(ctx, err))
	}
	return nil
}

// fileMode lets every user of the container read.
const fileMode = 0o444

// writeInto writes files into a volume's folder, by their numbers. The name of
// the volume is unique: if the folder is there, it is the engine's.
func writeInto(dir string, files []executor.File) error {
	for i, f := range files {
		name := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(name, f.Data, fileMode); err != nil {
			return err
		}
		if err := os.Chmod(name, fileMode); err != nil { // the umask may have taken something
			return err
		}
	}
	return nil
}

// pack makes an archive of files whose names are their numbers.
func pack(files []executor.File) (*bytes.Buffer, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for i, f := range files {
		err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: strconv.Itoa(i), Mode: fileMode, Size: int64(len(f.Data))})
		if err == nil {
			_, err = w.Write(f.Data)
		}
		if err != nil {
			return nil, err
		}
	}
	return &archive, w.Close()
}

// mounts puts the files into a container.
func (h holder) mounts() []mount.Mount {
	mounts := make([]mount.Mount, len(h.paths))
	for i, target := range h.paths {
		mounts[i] = bind(path.Join(h.dir, strconv.Itoa(i)), target)
	}
	return mounts
}
