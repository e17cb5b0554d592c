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
	"github.com/moby/moby/api/types/volume"
	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// holder is a folder with the files of a container, from where they are mounted
// read-only, each to its place: over volumes, into read-only file systems, and
// so that not even root changes them. Copying them into the container itself
// gives none of that.
//
// The folder is in a volume of the sandbox if this process may write there, or
// nearby instead of that, and else is a volume of its own, of the same name.
type holder struct {
	name string // empty when there are no files
	// dir is the folder as the engine sees it.
	dir   string
	paths []string // where the files go, by number
	in    place
}

// place is what a holder's folder is in.
type place int

const (
	// ownVolume is a volume of the holder's name.
	ownVolume place = iota
	// containerVolume is the same, filled through a container of that name.
	containerVolume
	// sandboxFolder is what the containers of a sandbox share.
	sandboxFolder
)

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
	h := holder{name: holderPrefix(spec.ID) + strings.ToLower(rand.Text()[:holderSuffix])}
	for _, f := range spec.Files {
		h.paths = append(h.paths, f.Path)
	}
	if err := e.share(ctx, &h, spec); err != nil {
		return holder{}, err
	}
	if h.in == sandboxFolder {
		return h, nil
	}
	if err := e.fill(ctx, &h, spec); err != nil {
		return holder{}, errors.Join(err, e.discard(ctx, h))
	}
	return h, nil
}

// makeVolume makes sure that there is a volume for files.
func (e *Executor) makeVolume(ctx context.Context, name string, labels map[string]string) (volume.Volume, error) {
	made, err := e.api.VolumeCreate(ctx, client.VolumeCreateOptions{Name: name, Labels: with(labels, labelRole, roleFiles)})
	if err != nil {
		return volume.Volume{}, e.translate(ctx, err)
	}
	if made.Volume.Mountpoint == "" {
		return volume.Volume{}, errors.New("the engine does not say where it keeps a volume")
	}
	return made.Volume, nil
}

// fill makes a volume of the holder's own and copies the files into it.
func (e *Executor) fill(ctx context.Context, h *holder, spec executor.Spec) error {
	v, err := e.makeVolume(ctx, h.name, spec.Labels)
	if err != nil {
		return err
	}
	h.dir = v.Mountpoint
	if e.local && writeInto(h.dir, spec.Files) == nil {
		return nil
	}
	h.in = containerVolume
	_, err = e.api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: h.name,
		Config: &container.Config{
			Image: spec.Image, Entrypoint: []string{"none"}, Labels: with(spec.Labels, labelRole, roleFiles),
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

// Modes that let every user of the container read.
const (
	fileMode = 0o444
	dirMode  = 0o755
)

// madeFor reports whether a name is that of a holder for an ID.
func madeFor(id, name string) bool {
	rest, ok := strings.CutPrefix(name, holderPrefix(id))
	return ok && len(rest) == holderSuffix && !strings.Contains(rest, "-")
}

// holderSuffix is the length of what makes the names of an ID's holders differ.
const holderSuffix = 8

// writeTo makes a folder with files, or leaves none.
func writeTo(dir string, files []executor.File) error {
	if err := os.Mkdir(dir, dirMode); err != nil {
		return err
	}
	err := os.Chmod(dir, dirMode) // the umask may have taken something
	if err == nil {
		err = writeInto(dir, files)
	}
	if err != nil {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

// writeInto writes files into a folder, by their numbers.
func writeInto(dir string, files []executor.File) error {
	for i, f := range files {
		name := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(name, f.Data, fileMode); err != nil {
			return err
		}
		if err := os.Chmod(name, fileMode); err != nil { // as above
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
