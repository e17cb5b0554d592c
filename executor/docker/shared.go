package docker

import (
	"context"
	"path"
	"path/filepath"
	"sync"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/volume"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// sharedName names the volume with the files of a sandbox's containers.
func sharedName(s executor.Sandbox) string { return s.ID + sharedSuffix }

const sharedSuffix = "-files"

// share puts the files where those of the sandbox's other containers are, if
// there is a sandbox and a folder of it into which this process may write. The
// names of volumes are unique: if a volume's folder is there, it is the engine's.
func (e *Executor) share(ctx context.Context, h *holder, spec executor.Spec) error {
	if !e.local || spec.Sandbox.ID == "" {
		return nil
	}
	name := sharedName(spec.Sandbox)
	v, err := e.makeVolume(ctx, name, spec.Sandbox.Labels)
	if err != nil || !e.shared.ours(v, spec.Sandbox.Labels) {
		return err
	}
	if h.shareIn(v.Mountpoint, spec.Files) {
		return nil
	}
	if dir, ok := e.nearby.folder(name); ok {
		h.shareIn(dir, spec.Files)
	}
	return nil
}

// shareIn puts the files into a folder that others share, and reports whether
// that could be done.
func (h *holder) shareIn(folder string, files []executor.File) bool {
	dir := filepath.Join(folder, h.name)
	if writeTo(dir, files) != nil {
		return false
	}
	h.dir, h.in = dir, sandboxFolder
	return true
}

// shared are the volumes of sandboxes that were made here. An engine that was
// about to end may have lost their labels.
type shared struct {
	mu     sync.Mutex
	labels map[string]map[string]string // by name
}

// ours reports whether a volume is one for files, and not somebody's with the
// same name.
func (l *shared) ours(v volume.Volume, labels map[string]string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if v.Labels[labelRole] != roleFiles {
		return l.labels[v.Name] != nil
	}
	if l.labels == nil {
		l.labels = map[string]map[string]string{}
	}
	l.labels[v.Name] = with(labels, labelRole, roleFiles)
	return true
}

// that carry labels, by name.
func (l *shared) that(carry map[string]string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var names []string
	for name, labels := range l.labels {
		if carries(labels, carry) {
			names = append(names, name)
		}
	}
	return names
}

func (l *shared) forget(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.labels, name)
}

// holderOf is the folder with a container's files, if that is in one of a
// sandbox.
func (e *Executor) holderOf(id string, c container.InspectResponse) holder {
	name := c.Config.Labels[labelFiles]
	if !e.local || !madeFor(id, name) {
		return holder{}
	}
	for _, m := range c.Mounts {
		if dir := path.Dir(m.Source); path.Base(dir) == name {
			return holder{name: name, dir: dir, in: sandboxFolder}
		}
	}
	return holder{}
}
