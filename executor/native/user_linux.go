//go:build cgo

package native

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/cyphar/filepath-securejoin/pathrs-lite"
	"github.com/moby/sys/user"
	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// containerUser is who the container's command runs as.
type containerUser struct {
	uid, gid int
	groups   []int
}

// accountsLimit is the most that is read of an image's passwd and group files.
const accountsLimit = 4 << 20

// lookUpUser finds a user ("", "name", "uid", "name:group", "uid:gid") in the
// accounts of a root file system. A number needs no account.
func lookUpUser(rootfs, spec string) (containerUser, error) {
	passwd, err := readAccounts(rootfs, "/etc/passwd")
	if err != nil {
		return containerUser{}, err
	}
	group, err := readAccounts(rootfs, "/etc/group")
	if err != nil {
		return containerUser{}, err
	}
	found, err := user.GetExecUser(spec, nil, bytes.NewReader(passwd), bytes.NewReader(group))
	if err != nil {
		return containerUser{}, fmt.Errorf("user %q in the image: %w", spec, err)
	}
	return containerUser{uid: found.Uid, gid: found.Gid, groups: found.Sgids}, nil
}

// readAccounts reads a small file of a root file system that is not trusted:
// links in it never lead out, and nothing but a regular file is read.
func readAccounts(rootfs, name string) ([]byte, error) {
	handle, err := pathrs.OpenInRoot(rootfs, name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open %s of the image: %w", name, err)
	}
	defer func() { _ = handle.Close() }()
	info, err := handle.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s of the image is not a file", name)
	}
	f, err := pathrs.Reopen(handle, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("read %s of the image: %w", name, err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, accountsLimit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s of the image: %w", name, err)
	}
	if len(data) > accountsLimit {
		return nil, fmt.Errorf("%s of the image is larger than %d bytes", name, accountsLimit)
	}
	return data, nil
}

// checkUser refuses a user whom the user namespace does not have.
func (s *shim) checkUser() error {
	if !s.Rootless {
		return nil
	}
	for file, id := range map[string]int{"/proc/self/uid_map": s.user.uid, "/proc/self/gid_map": s.user.gid} {
		maps, err := user.ParseIDMapFile(file)
		if err != nil {
			return err
		}
		if !mapped(maps, int64(id)) {
			return fmt.Errorf("user %q (%d:%d): without root, a container can run as root only, which is you on this machine: %w",
				s.User, s.user.uid, s.user.gid, executor.ErrUnsupported)
		}
	}
	return nil
}

func mapped(maps []user.IDMap, id int64) bool {
	for _, m := range maps {
		if m.ID <= id && id < m.ID+m.Count {
			return true
		}
	}
	return false
}

// inUserNamespace reports whether this process's user namespace is not the
// first one of the machine.
func inUserNamespace() bool {
	maps, err := user.ParseIDMapFile("/proc/self/uid_map")
	if err != nil || len(maps) != 1 {
		return err == nil
	}
	return maps[0].ID != 0 || maps[0].ParentID != 0 || maps[0].Count != 1<<32-1
}
