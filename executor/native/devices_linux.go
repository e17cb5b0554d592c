//go:build cgo

package native

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	devices "github.com/opencontainers/cgroups/devices/config"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// device is a device of this machine for a container.
type device struct {
	Source string         `json:"source"`
	Node   devices.Device `json:"node"`
}

var errNoDevice = errors.New("is not a device")

// findDevices looks at the devices that a spec names. A folder means all
// devices in it, as in docker.
func findDevices(list []executor.Device) ([]device, error) {
	var found []device
	for _, d := range list {
		source, err := filepath.EvalSymlinks(d.Source)
		if err != nil {
			return nil, fmt.Errorf("device %s: %w", d.Source, err)
		}
		permissions := devices.Permissions("").Union(devices.Permissions(d.Permissions))
		some, err := devicesIn(source, d.Target, permissions)
		if err != nil {
			return nil, fmt.Errorf("device %s: %w", d.Source, err)
		}
		if len(some) == 0 {
			return nil, fmt.Errorf("device %s: %w", d.Source, errNoDevice)
		}
		found = append(found, some...)
	}
	return found, nil
}

// machineDevices are all that a privileged container gets.
func machineDevices() ([]device, error) {
	found, err := devicesIn("/dev", "/dev", "rwm")
	if err != nil {
		return nil, fmt.Errorf("devices of this machine: %w", err)
	}
	return found, nil
}

// devicesIn gives one device, or all in a folder. What containers have of
// their own is left out.
func devicesIn(source, target string, permissions devices.Permissions) ([]device, error) {
	own := []string{"/dev/pts", "/dev/shm", "/dev/fd", "/dev/mqueue", "/dev/console"}
	var found []device
	err := filepath.WalkDir(source, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name != source:
			return nil // gone meanwhile
		case err != nil:
			return err
		case name != source && slices.Contains(own, name):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		d, err := lookAtDevice(name)
		if errors.Is(err, errNoDevice) {
			return nil
		}
		if err != nil {
			return err
		}
		d.Node.Path = path.Join(target, strings.TrimPrefix(name, source))
		d.Node.Permissions = permissions
		found = append(found, d)
		return nil
	})
	return found, err
}

func lookAtDevice(name string) (device, error) {
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		return device{}, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	kinds := map[uint32]devices.Type{unix.S_IFCHR: devices.CharDevice, unix.S_IFBLK: devices.BlockDevice}
	kind, ok := kinds[st.Mode&unix.S_IFMT]
	if !ok {
		return device{}, errNoDevice
	}
	return device{Source: name, Node: devices.Device{
		Rule: devices.Rule{
			Type: kind, Major: int64(unix.Major(uint64(st.Rdev))), Minor: int64(unix.Minor(uint64(st.Rdev))), Allow: true, //nolint:unconvert // Rdev has other sizes elsewhere
		},
		FileMode: os.FileMode(st.Mode & 0o7777), Uid: st.Uid, Gid: st.Gid,
	}}, nil
}

// deviceRules say which devices the container's processes may use.
func (r request) deviceRules() []*devices.Rule {
	if r.Privileged {
		return []*devices.Rule{{Type: devices.WildcardDevice, Major: devices.Wildcard, Minor: devices.Wildcard, Permissions: "rwm", Allow: true}}
	}
	var rules []*devices.Rule
	for _, d := range specconv.AllowedDevices {
		rules = append(rules, &d.Rule)
	}
	for i := range r.Devices {
		rules = append(rules, &r.Devices[i].Node.Rule)
	}
	return rules
}

// addDevices puts devices into the container. In /dev, which is empty, root
// makes them. Elsewhere, and in a user namespace, those of this machine are
// mounted.
func (s *shim) addDevices(c *configs.Config) error {
	c.Devices = slices.Clone(specconv.AllowedDevices)
	for i := range s.Devices {
		d := &s.Devices[i]
		if !s.Privileged && (s.Rootless || s.view.noDeviceRules) && d.Node.Permissions.Union("rw") != d.Node.Permissions {
			return fmt.Errorf("device %s with permissions %s: nothing here can hold a container to them; leave them out: %w",
				d.Source, d.Node.Permissions, executor.ErrUnsupported)
		}
		c.Devices = slices.DeleteFunc(c.Devices, func(have *devices.Device) bool { return have.Path == d.Node.Path })
		if s.Rootless || !below("/dev", d.Node.Path) {
			c.Mounts = append(c.Mounts, bind(d.Source, d.Node.Path))
			continue
		}
		c.Devices = append(c.Devices, &d.Node)
	}
	return nil
}
