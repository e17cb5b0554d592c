package executor

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"strings"
)

// Networks with a meaning of their own, for Spec.Network. Any other word is the
// name of a network that the engine has.
const (
	// NetworkDefault is whatever the executor does unless told otherwise.
	NetworkDefault = ""
	// NetworkHost is that of the engine's machine.
	NetworkHost = "host"
	// NetworkNone has a loopback device only.
	NetworkNone = "none"
	// NetworkRun is shared by all containers with the same Spec.Sandbox, as by
	// the containers of a pod: they see each other at localhost.
	NetworkRun = "run"
)

// CheckNetwork refuses what cannot be the name of a network.
func CheckNetwork(name string) error {
	if name != NetworkDefault && !networkName().MatchString(name) {
		return fmt.Errorf("network %q: want %s, %s, %s or the name of a network", name, NetworkHost, NetworkNone, NetworkRun)
	}
	return nil
}

// Sandbox is what the containers of one run share: the network of NetworkRun,
// and whatever else an executor makes once for all of them. The first Start
// that needs it makes it; Sweep with its labels removes it.
type Sandbox struct {
	// ID names it, in the form of Spec.ID and different from all of those.
	ID     string
	Labels map[string]string
}

// Workspace is a volume that is made for one run and goes with it. The first
// Start that needs it makes it; Sweep with its labels removes it.
type Workspace struct {
	// ID names it, in the form of Spec.ID and different from all of those. Empty
	// means that the run has none.
	ID string
	// Size is how much it holds at least, in bytes.
	Size int64
	// Target is the absolute path in the container.
	Target string
	Labels map[string]string
}

// Device is a device of the engine's machine inside a container.
type Device struct {
	// Source and Target are its absolute paths outside and inside.
	Source string `json:"source"`
	Target string `json:"target"`
	// Permissions are some of r (read), w (write) and m (mknod).
	Permissions string `json:"permissions"`
}

// Tmpfs is an empty file system in memory.
type Tmpfs struct {
	// Target is the absolute path in the container.
	Target string `json:"target"`
	// Options are those of mount(8) for tmpfs, with commas ("size=64m,mode=1777").
	Options string `json:"options,omitempty"`
}

// ExtraHost is a line of the container's /etc/hosts.
type ExtraHost struct {
	Name string `json:"name"`
	// IP is an address, or HostGateway.
	IP string `json:"ip"`
}

// HostGateway is the address of the engine's machine, in ExtraHost.IP, where
// the engine knows the word.
const HostGateway = "host-gateway"

// GPUs says which graphics processors a container gets: a number of them, all
// (Count is -1), or those with certain IDs. The zero value asks for none.
type GPUs struct {
	Count int      `json:"count,omitempty"`
	IDs   []string `json:"ids,omitempty"`
}

// None reports whether no graphics processor is asked for.
func (g GPUs) None() bool { return g.Count == 0 && len(g.IDs) == 0 }

// isAddress: a zone could hold anything, and means nothing in a container.
func isAddress(s string) bool {
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.Zone() == ""
}

func (s Spec) checkSettings() error {
	if s.Network == NetworkRun && s.Sandbox.ID == "" {
		return fmt.Errorf("network %s: there is no sandbox to share", NetworkRun)
	}
	if s.ShmSize < 0 {
		return fmt.Errorf("shared memory of %d bytes: is negative", s.ShmSize)
	}
	for _, d := range s.Devices {
		if !path.IsAbs(d.Source) || !path.IsAbs(d.Target) || d.Permissions == "" || strings.Trim(d.Permissions, "rwm") != "" {
			return fmt.Errorf("device %s:%s:%s: want absolute paths, and some of rwm", d.Source, d.Target, d.Permissions)
		}
	}
	for _, h := range s.ExtraHosts {
		if h.Name == "" || strings.ContainsAny(h.Name, " \t\r\n\x00#") {
			return fmt.Errorf("extra host %q: is not a name", h.Name)
		}
		if h.IP != HostGateway && !isAddress(h.IP) {
			return fmt.Errorf("extra host %s: %q is not an IP address, and not %s", h.Name, h.IP, HostGateway)
		}
	}
	for _, ip := range s.DNS {
		if !isAddress(ip) {
			return fmt.Errorf("dns server %q: is not an IP address", ip)
		}
	}
	for _, m := range s.Tmpfs {
		if strings.ContainsAny(m.Options, " \t\r\n\x00") {
			return fmt.Errorf("tmpfs %s: options %q: want them joined by commas", m.Target, m.Options)
		}
	}
	for _, c := range append(append([]string(nil), s.CapAdd...), s.CapDrop...) {
		if c == "" || strings.ToUpper(c) != c || strings.HasPrefix(c, "CAP_") {
			return errors.New("capability " + c + ": want a name as in capabilities(7), without CAP_")
		}
	}
	return nil
}
