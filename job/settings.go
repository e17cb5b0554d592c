package job

import (
	"strconv"
	"strings"
)

// Settings are the optional settings of an action's container. They have the
// same names and meaning for every executor; what one cannot do it refuses
// before a run begins. The zero value leaves everything to the executor.
//
// docs/job-file.md is the reference. Source of the names and forms: the flags
// of docker run.
type Settings struct {
	// Entrypoint and Args replace those of the image when not nil. An
	// Entrypoint drops the arguments of the image.
	Entrypoint []string `json:"entrypoint,omitzero"`
	Args       []string `json:"args,omitzero"`
	// User is "name", "uid" or either with ":group" or ":gid".
	User       string `json:"user,omitempty"`
	WorkingDir string `json:"working_dir,omitempty"`
	// Memory and ShmSize are bytes, CPUs is processors. 0 means not given.
	Memory  int64   `json:"memory,omitempty"`
	ShmSize int64   `json:"shm_size,omitempty"`
	CPUs    float64 `json:"cpus,omitempty"`
	GPUs    GPUs    `json:"gpus,omitzero"`
	// Network is "host", "none" or the name of a network; "" is that of the run.
	Network    string `json:"network,omitempty"`
	Privileged bool   `json:"privileged,omitempty"`
	ReadOnly   bool   `json:"read_only,omitempty"`
	Init       bool   `json:"init,omitempty"`
	// Devices have different targets, Tmpfs different paths.
	Devices []Device `json:"devices,omitempty"`
	// CapAdd and CapDrop are names of capabilities(7) in upper case without
	// CAP_, or ALL.
	CapAdd     []string    `json:"cap_add,omitempty"`
	CapDrop    []string    `json:"cap_drop,omitempty"`
	Tmpfs      []Tmpfs     `json:"tmpfs,omitempty"`
	ExtraHosts []ExtraHost `json:"extra_hosts,omitempty"`
	// DNS lists IP addresses.
	DNS []string `json:"dns,omitempty"`
	// Labels mark the container. Names beginning with LabelPrefix are kog's own.
	Labels map[string]string `json:"labels,omitempty"`
	// Kubernetes is for the executor of that name alone, which knows what may
	// stand in it. All others leave it out.
	Kubernetes Values `json:"kubernetes,omitempty"`
}

// LabelPrefix begins the labels that kog itself gives to containers.
const LabelPrefix = "io.kog."

// HostGateway stands for the address of the engine's machine in ExtraHost.
const HostGateway = "host-gateway"

// GPUs says which graphics processors a container gets: all (Count is -1), any
// Count of them, or those with certain IDs. The zero value asks for none.
type GPUs struct {
	Count int
	IDs   []string
}

// None reports whether no graphics processor is asked for.
func (g GPUs) None() bool { return g.Count == 0 && len(g.IDs) == 0 }

// String gives the form of a job file: "all", a number, or "device=0,1".
func (g GPUs) String() string {
	switch {
	case len(g.IDs) > 0:
		return "device=" + strings.Join(g.IDs, ",")
	case g.Count < 0:
		return "all"
	}
	return strconv.Itoa(g.Count)
}

// MarshalText is String.
func (g GPUs) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// Device is a device of the engine's machine inside the container.
type Device struct {
	// Source and Target are its absolute paths outside and inside.
	Source, Target string
	// Permissions are some of r (read), w (write) and m (mknod).
	Permissions string
}

// String gives SOURCE:TARGET:PERMISSIONS.
func (d Device) String() string { return d.Source + ":" + d.Target + ":" + d.Permissions }

// MarshalText is String.
func (d Device) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Tmpfs is an empty file system in memory.
type Tmpfs struct {
	// Target is the absolute path in the container.
	Target string
	// Options are those of mount(8) for tmpfs, with commas.
	Options string
}

// String gives PATH or PATH:OPTIONS.
func (m Tmpfs) String() string {
	if m.Options == "" {
		return m.Target
	}
	return m.Target + ":" + m.Options
}

// MarshalText is String.
func (m Tmpfs) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// ExtraHost is a line of the container's /etc/hosts.
type ExtraHost struct {
	Name string
	// IP is an address or HostGateway.
	IP string
}

// String gives NAME=IP.
func (h ExtraHost) String() string { return h.Name + "=" + h.IP }

// MarshalText is String.
func (h ExtraHost) MarshalText() ([]byte, error) { return []byte(h.String()), nil }
