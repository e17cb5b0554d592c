//go:build cgo

package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor/native/internal/store"
)

// mountRootfs makes the container's root file system out of the image's layers
// and returns where it is.
func (s *shim) mountRootfs() (string, error) {
	if !s.Copy && !s.Rootfs.FlattenOnly && len(s.Rootfs.Layers) > 0 {
		target := s.privatePath(privateRootfs)
		o := overlay{layers: s.Rootfs.Layers, folder: string(s.Folder), rootless: s.Rootless}
		err := o.mount(target)
		if err == nil {
			return target, nil
		}
		if !errors.Is(err, errNoOverlay) {
			return "", err
		}
	}
	dst := s.Folder.path(dirRootfs)
	// Nobody cancels this: when it is not wanted any more, the shim is killed.
	if err := store.Flatten(context.Background(), s.Rootfs.Layers, dst, store.FlattenOptions{Rootless: s.Rootless}); err != nil {
		return "", err
	}
	return dst, nil
}

// errNoOverlay: overlayfs cannot be used here, but copying can.
var errNoOverlay = errors.New("overlayfs cannot be used")

// overlay is a writable view of layers.
type overlay struct {
	layers   []string // the lowest first, all in one folder
	folder   string   // what is written goes here, into dirUpper
	rootless bool
}

// mount mounts the view. Paths are short, because the options must fit in a
// page: layers are relative to the working directory, and the folder goes by
// its descriptor. The working directory is then /.
func (o overlay) mount(target string) error {
	for name, mode := range map[string]os.FileMode{dirUpper: 0o755, dirWork: 0o700} {
		dir := filepath.Join(o.folder, name)
		if err := os.Mkdir(dir, mode); err != nil {
			return err
		}
		if err := os.Chmod(dir, mode); err != nil { // whatever the umask is: it becomes the container's /
			return err
		}
	}
	folder, err := os.Open(o.folder)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	if err := os.Chdir(filepath.Dir(o.layers[0])); err != nil {
		return err
	}
	err = o.mountHere(folder, target)
	return errors.Join(err, os.Chdir("/"))
}

func (o overlay) mountHere(folder *os.File, target string) error {
	var names []string
	for _, layer := range slices.Backward(o.layers) { // overlayfs wants the highest first
		names = append(names, filepath.Base(layer))
	}
	data := fmt.Sprintf("lowerdir=%s,upperdir=/proc/self/fd/%d/%s,workdir=/proc/self/fd/%[2]d/%[4]s",
		strings.Join(names, ":"), folder.Fd(), dirUpper, dirWork)
	if o.rootless {
		data += ",userxattr"
	}
	// Nothing of what a container writes has to survive a power cut, so nothing
	// has to be synced. Linux before 5.10 does not know the option.
	err := unix.Mount("kog", target, "overlay", 0, data+",volatile")
	if errors.Is(err, unix.EINVAL) {
		err = unix.Mount("kog", target, "overlay", 0, data)
	}
	for _, reason := range []error{unix.ENODEV, unix.EINVAL, unix.EPERM, unix.EACCES, unix.EOPNOTSUPP} {
		if errors.Is(err, reason) {
			return fmt.Errorf("%w: %w", errNoOverlay, err)
		}
	}
	if err != nil {
		return fmt.Errorf("mount overlay: %w", err)
	}
	return nil
}
