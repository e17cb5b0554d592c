//go:build cgo

package native

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"
)

// What a container gets when nothing else is said is what Docker gives it, so
// that an image meets the same surroundings under both.
// Source of the rules: Docker documentation, "docker run", and its default OCI
// specification.

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

const defaultShmSize = 64 << 20

func defaultCapabilities() []string {
	return []string{
		"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
		"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
	}
}

func maskedPaths() []string {
	return []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
		"/sys/devices/virtual/powercap", "/sys/firmware",
	}
}

func readOnlyPaths() []string {
	return []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
}

// standardMounts are those of every container.
func (s *shim) standardMounts() []*configs.Mount {
	const (
		quiet = unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV
		pts   = "newinstance,ptmxmode=0666,mode=0620"
	)
	ptsData := pts + ",gid=5"
	if s.Rootless {
		ptsData = pts // there is no such group in the user namespace
	}
	kernel := quiet | unix.MS_RDONLY
	if s.Privileged {
		kernel = quiet
	}
	shm := fmt.Sprintf("mode=1777,size=%d", cmp.Or(s.ShmSize, defaultShmSize))
	return slices.Concat([]*configs.Mount{
		{Device: "proc", Source: "proc", Destination: "/proc", Flags: quiet},
		{Device: "tmpfs", Source: "tmpfs", Destination: "/dev", Flags: unix.MS_NOSUID | unix.MS_STRICTATIME, Data: "mode=755,size=65536k"},
		{Device: "devpts", Source: "devpts", Destination: "/dev/pts", Flags: unix.MS_NOSUID | unix.MS_NOEXEC, Data: ptsData},
	}, s.sysMounts(kernel), []*configs.Mount{
		{Device: "cgroup", Source: "cgroup", Destination: "/sys/fs/cgroup", Flags: kernel},
		{Device: "mqueue", Source: "mqueue", Destination: "/dev/mqueue", Flags: quiet},
		{Device: "tmpfs", Source: "shm", Destination: "/dev/shm", Flags: quiet, Data: shm},
	})
}

// sysMounts make /sys. A new one shows the devices of the network namespace,
// and may be mounted by the owner of that only; who is not gets the host's.
//
// All of a network namespace are one file system, which is read-only for
// everybody if whoever mounts it first asks for that. So root mounts it to be
// written, and makes this mount of it read-only after. Without root the container
// is alone in its namespace, and may not be granted more than the host has.
func (s *shim) sysMounts(flags int) []*configs.Mount {
	if s.Rootless && s.Network != "none" {
		m := bind("/sys", "/sys")
		m.Flags |= flags
		m.PropagationFlags = []int{propagations["rslave"]}
		m.RecAttr = readOnlyBelow()
		return []*configs.Mount{m}
	}
	sysfs := &configs.Mount{Device: "sysfs", Source: "sysfs", Destination: "/sys", Flags: flags}
	if s.Rootless || flags&unix.MS_RDONLY == 0 {
		return []*configs.Mount{sysfs}
	}
	sysfs.Flags &^= unix.MS_RDONLY
	return []*configs.Mount{sysfs, {Device: "bind", Source: "/sys", Destination: "/sys", Flags: flags | unix.MS_BIND | unix.MS_REMOUNT}}
}
