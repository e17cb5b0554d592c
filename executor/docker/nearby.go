package docker

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/moby/moby/api/types/system"
)

// nearby is a folder of this machine from which an engine on the same machine
// mounts files. It is used where this process may not write into volumes. In it
// is a folder for each volume of a sandbox, of the same name, with what would be
// in the volume.
type nearby struct {
	dir string // empty for none
	// usable: the engine was found to run on this machine, and has not refused.
	usable atomic.Bool
}

// learn decides by what the engine says of itself. An engine that runs elsewhere
// has other folders, and one that gives containers labels or users of their own
// does not let them read what has not been prepared for them.
func (n *nearby) learn(info system.Info) {
	separate := slices.ContainsFunc(info.SecurityOptions, func(o string) bool {
		return strings.Contains(o, "selinux") || strings.Contains(o, "userns")
	})
	_, err := os.Stat(info.DockerRootDir)
	n.usable.Store(n.dir != "" && info.DockerRootDir != "" && err == nil && !separate)
}

// folder is that for a volume, made if need be.
func (n *nearby) folder(volume string) (string, bool) {
	if !n.usable.Load() {
		return "", false
	}
	dir := filepath.Join(n.dir, volume)
	return dir, os.MkdirAll(dir, 0o700) == nil
}

// refusal gives what recognises, in an error of a start that begins now, that
// the engine does not see the folder. Then it is not used any more, and the start
// can be tried again.
func (n *nearby) refusal() func(error) bool {
	usable := n.usable.Load()
	return func(err error) bool {
		refused := usable && err != nil && strings.Contains(err.Error(), n.dir)
		if refused {
			n.usable.Store(false)
		}
		return refused
	}
}

// remove removes what was there for a volume. Its name is the engine's word.
func (n *nearby) remove(volume string) error {
	if n.dir == "" || !strings.HasSuffix(volume, sharedSuffix) || filepath.Base(volume) != volume {
		return nil
	}
	return os.RemoveAll(filepath.Join(n.dir, volume))
}
