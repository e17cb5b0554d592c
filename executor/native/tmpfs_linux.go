//go:build cgo

package native

import (
	"fmt"
	"strings"

	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// tmpfsFlags are the options of a tmpfs that are flags of mount(2): set or
// cleared. All others are for the file system.
var tmpfsFlags = map[string]struct {
	flag  int
	clear bool
}{
	"ro": {unix.MS_RDONLY, false}, "rw": {unix.MS_RDONLY, true},
	"nosuid": {unix.MS_NOSUID, false}, "suid": {unix.MS_NOSUID, true},
	"nodev": {unix.MS_NODEV, false}, "dev": {unix.MS_NODEV, true},
	"noexec": {unix.MS_NOEXEC, false}, "exec": {unix.MS_NOEXEC, true},
}

// tmpfsMounts are the mounts of file systems in memory, quiet unless they are
// told otherwise, as docker's are.
func tmpfsMounts(list []executor.Tmpfs) []*configs.Mount {
	var out []*configs.Mount
	for _, t := range list {
		m := &configs.Mount{Device: "tmpfs", Source: "tmpfs", Destination: t.Target, Flags: unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV}
		var data []string
		for option := range strings.SplitSeq(t.Options, ",") {
			f, isFlag := tmpfsFlags[option]
			switch {
			case isFlag && f.clear:
				m.Flags &^= f.flag
			case isFlag:
				m.Flags |= f.flag
			case option != "":
				data = append(data, option)
			}
		}
		m.Data = strings.Join(data, ",")
		out = append(out, m)
	}
	return out
}

// checkTmpfs refuses owners whom a user namespace does not have.
func (e *Executor) checkTmpfs(list []executor.Tmpfs) error {
	if !e.rootless {
		return nil
	}
	for _, t := range list {
		for option := range strings.SplitSeq(t.Options, ",") {
			name, value, _ := strings.Cut(option, "=")
			if (name == "uid" || name == "gid") && strings.Trim(value, "0") != "" {
				return fmt.Errorf("tmpfs %s: option %s: without root, files belong to root only, which is you on this machine: %w",
					t.Target, option, executor.ErrUnsupported)
			}
		}
	}
	return nil
}
