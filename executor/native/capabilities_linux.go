//go:build cgo

package native

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/opencontainers/runc/libcontainer/capabilities"
	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

const allCapabilities = "ALL"

// capabilities are those of the container: the default ones without what is
// dropped, and with what is added. They cannot be more than this process has.
func (s *shim) capabilities() ([]string, error) {
	own, err := ownCapabilities()
	if err != nil {
		return nil, err
	}
	if s.Privileged {
		return own, nil
	}
	caps := defaultCapabilities()
	if s.view.noDeviceRules {
		caps = slices.DeleteFunc(caps, func(c string) bool { return c == "CAP_MKNOD" })
	}
	if slices.Contains(s.CapDrop, allCapabilities) {
		caps = nil
	}
	if slices.Contains(s.CapAdd, allCapabilities) {
		caps = slices.Clone(own)
	}
	caps = slices.DeleteFunc(caps, func(c string) bool { return slices.Contains(s.CapDrop, strings.TrimPrefix(c, "CAP_")) })
	for _, name := range s.CapAdd {
		c := "CAP_" + name
		switch {
		case name == allCapabilities || slices.Contains(caps, c):
		case !slices.Contains(own, c):
			return nil, fmt.Errorf("capability %s: this process does not have it, so it cannot give it: %w", name, executor.ErrUnsupported)
		default:
			caps = append(caps, c)
		}
	}
	return caps, nil
}

// ownCapabilities are those that this process may pass on.
func ownCapabilities() ([]string, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return nil, os.NewSyscallError("capget", err)
	}
	permitted := uint64(data[0].Permitted) | uint64(data[1].Permitted)<<32
	var own []string
	for number, name := range capabilities.KnownCapabilities() { // in the order of their numbers
		if permitted&(1<<number) != 0 {
			own = append(own, name)
		}
	}
	return own, nil
}
