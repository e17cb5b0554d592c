//go:build cgo

package native

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// propagations are the mount flags of docker's propagation options.
var propagations = map[string]int{
	"private":  unix.MS_PRIVATE,
	"rprivate": unix.MS_PRIVATE | unix.MS_REC,
	"slave":    unix.MS_SLAVE,
	"rslave":   unix.MS_SLAVE | unix.MS_REC,
	"shared":   unix.MS_SHARED,
	"rshared":  unix.MS_SHARED | unix.MS_REC,
}

func propagation(v executor.Volume) int {
	for _, o := range v.Options {
		if flags, ok := propagations[o]; ok {
			return flags
		}
	}
	return propagations["rprivate"]
}

func isShared(v executor.Volume) bool { return propagation(v)&unix.MS_SHARED != 0 }

// checkVolumes refuses what cannot be mounted, and makes missing host folders,
// as docker does.
func checkVolumes(volumes []executor.Volume, rootless bool) error {
	seen := map[string]bool{}
	for _, v := range volumes {
		kind, _ := v.Cluster()
		switch {
		case kind != "":
			return fmt.Errorf("volume %s: only Kubernetes has secrets and config maps; mount a file or a folder of the host, or use the k8s executor: %w", v, executor.ErrUnsupported)
		case !v.Bind():
			return fmt.Errorf("volume %s: only host paths can be mounted here, SOURCE must begin with /; named and anonymous volumes need the docker executor: %w", v, executor.ErrUnsupported)
		case seen[v.Target]:
			return fmt.Errorf("volume %s: something else is mounted at %s already", v, v.Target)
		case rootless && isShared(v):
			return fmt.Errorf("volume %s: mounts can be shared with the host by root only; use rslave or rprivate: %w", v, executor.ErrUnsupported)
		}
		seen[v.Target] = true
		_, err := os.Stat(v.Source)
		if errors.Is(err, fs.ErrNotExist) {
			err = os.MkdirAll(v.Source, 0o755)
		}
		if err != nil {
			return fmt.Errorf("volume %s: %w", v, err)
		}
	}
	return nil
}

// volumeMounts are the mounts of volumes. Labels (z, Z) mean something with
// SELinux only, nocopy with named volumes only, and the consistency options on
// other systems only.
func volumeMounts(volumes []executor.Volume) []*configs.Mount {
	var out []*configs.Mount
	for _, v := range volumes {
		m := bind(v.Source, v.Target)
		m.PropagationFlags = []int{propagation(v)}
		if v.ReadOnly {
			m.Flags |= unix.MS_RDONLY
			m.RecAttr = readOnlyBelow()
		}
		out = append(out, m)
	}
	return out
}

// bind mounts a host path with all that is mounted below it.
func bind(source, target string) *configs.Mount {
	return &configs.Mount{Device: "bind", Source: source, Destination: target, Flags: unix.MS_BIND | unix.MS_REC}
}

// readOnlyBelow makes the mounts below a read-only one read-only too, where the
// kernel can (Linux 5.12).
func readOnlyBelow() *unix.MountAttr {
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if err := unix.MountSetattr(-1, "", unix.AT_EMPTY_PATH, attr); errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return attr
}

// replace puts volumes over the standard mounts: one on the same place replaces
// it, and a volume for /dev replaces all below that. What is higher up in the
// tree is mounted first.
func replace(standard, volumes []*configs.Mount) []*configs.Mount {
	taken := map[string]bool{}
	for _, m := range volumes {
		taken[m.Destination] = true
	}
	out := slices.DeleteFunc(slices.Clone(standard), func(m *configs.Mount) bool {
		return taken[m.Destination] || taken["/dev"] && below("/dev", m.Destination)
	})
	return append(out, inDepthOrder(volumes)...)
}
