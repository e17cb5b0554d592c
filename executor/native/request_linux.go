//go:build cgo

package native

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/native/internal/store"
)

// Roles are the first arguments of this program started again.
const (
	roleShim  = "kog-native-shim"
	roleProbe = "kog-native-probe"
)

// File descriptors of a shim besides the standard ones.
const (
	fdRequest = 3 + iota // what to do: in memory, since it holds secrets
	fdReply              // whether it was done, and later the bell
	fdLock               // the lock of the container's folder, held
	fdStdin              // the container's standard input, if it has any
)

// request tells a shim what to run. In memory it is one line of JSON, followed
// by the content of the files one after the other.
type request struct {
	Folder   folder            `json:"folder"`
	Rootless bool              `json:"rootless,omitempty"`
	Rootfs   store.Rootfs      `json:"rootfs"`
	Command  []string          `json:"command"`
	Env      map[string]string `json:"env,omitempty"`
	User     string            `json:"user,omitempty"`
	Dir      string            `json:"dir,omitempty"`
	Stdin    bool              `json:"stdin,omitempty"`
	Files    []requestFile     `json:"files,omitempty"`
	Volumes  []executor.Volume `json:"volumes,omitempty"`
	Network  string            `json:"network,omitempty"`
	Memory   int64             `json:"memory,omitempty"`
	CPUs     float64           `json:"cpus,omitempty"`

	Privileged bool                 `json:"privileged,omitempty"`
	Devices    []device             `json:"devices,omitempty"`
	CapAdd     []string             `json:"cap_add,omitempty"`
	CapDrop    []string             `json:"cap_drop,omitempty"`
	ReadOnly   bool                 `json:"read_only,omitempty"`
	Tmpfs      []executor.Tmpfs     `json:"tmpfs,omitempty"`
	ShmSize    int64                `json:"shm_size,omitempty"`
	ExtraHosts []executor.ExtraHost `json:"extra_hosts,omitempty"`
	DNS        []string             `json:"dns,omitempty"`

	// Cgroup is the cgroup v2, as the host sees it, that the shim was started in;
	// empty where the library makes the container's cgroups.
	Cgroup string `json:"cgroup,omitempty"`
	// Copy forces what is otherwise done only where overlayfs cannot be used.
	Copy bool `json:"copy,omitempty"`
}

type requestFile struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
}

func (r request) id() string { return r.Folder.id() }

// newRequest puts what the spec says over what the image says.
func newRequest(spec executor.Spec, rootfs store.Rootfs) (request, error) {
	image := rootfs.Config
	r := request{
		Rootfs:  rootfs,
		Command: command(spec, image),
		Env:     map[string]string{"PATH": defaultPath},
		User:    firstOf(spec.User, image.User),
		Dir:     firstOf(spec.WorkingDir, image.WorkingDir, "/"),
		Stdin:   len(spec.Stdin) > 0,
		Volumes: spec.Volumes,
		Network: firstOf(spec.Network, executor.NetworkHost),
		Memory:  spec.Memory,
		CPUs:    spec.CPUs,

		Privileged: spec.Privileged,
		CapAdd:     spec.CapAdd,
		CapDrop:    spec.CapDrop,
		ReadOnly:   spec.ReadOnly,
		Tmpfs:      spec.Tmpfs,
		ShmSize:    spec.ShmSize,
		ExtraHosts: spec.ExtraHosts,
		DNS:        spec.DNS,
	}
	if len(r.Command) == 0 {
		return r, errors.New("neither the image nor the action says which command to run; set an entrypoint in the image")
	}
	for _, env := range []map[string]string{image.Env, spec.Env} {
		for name, value := range env {
			r.Env[name] = value
		}
	}
	for _, f := range spec.Files {
		r.Files = append(r.Files, requestFile{Path: f.Path, Size: int64(len(f.Data))})
	}
	return r, r.findDevices(spec)
}

func (r *request) findDevices(spec executor.Spec) (err error) {
	if spec.Privileged {
		if r.Devices, err = machineDevices(); err != nil {
			return err
		}
	}
	asked, err := findDevices(spec.Devices)
	r.Devices = append(r.Devices, asked...)
	return err
}

// command is the entrypoint with its arguments. As in Docker, an entrypoint of
// one's own drops the image's CMD.
func command(spec executor.Spec, image executor.ImageConfig) []string {
	entrypoint, args := image.Entrypoint, image.Cmd
	if spec.Entrypoint != nil {
		entrypoint, args = spec.Entrypoint, nil
	}
	if spec.Args != nil {
		args = spec.Args
	}
	return append(append([]string(nil), entrypoint...), args...)
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// memory makes a file that is nowhere but in memory, with data in it, read
// from the beginning. Nobody can change it any more.
func memory(name string, data ...[]byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), name)
	for _, d := range data {
		if _, err := f.Write(d); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, errors.Join(os.NewSyscallError("fcntl", err), f.Close())
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// pack puts a request and the files' content into memory.
func (r request) pack(files []executor.File) (*os.File, error) {
	head, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	parts := [][]byte{head, {'\n'}}
	for _, f := range files {
		parts = append(parts, f.Data)
	}
	return memory("kog-request", parts...)
}

// unpack is the other end of pack; the files' content follows in the reader.
func unpack(f *os.File) (request, *bufio.Reader, error) {
	in := bufio.NewReaderSize(f, 64<<10)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return request{}, nil, fmt.Errorf("read request: %w", err)
	}
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return request{}, nil, fmt.Errorf("decode request: %w", err)
	}
	return r, in, nil
}

// reply is what a shim answers: nothing when the command is being executed,
// else why not.
type reply struct {
	Error string `json:"error,omitempty"`
	// Kind names the sentinel that the error wraps, if any; see errorKinds.
	Kind string `json:"kind,omitempty"`
}

// errorKinds are the sentinels that cross from the shim to its parent.
var errorKinds = map[string]error{
	"unsupported": executor.ErrUnsupported,
	"disk full":   executor.ErrDiskFull,
	"image":       executor.ErrImageNotFound,
}

func newReply(err error) reply {
	if err == nil {
		return reply{}
	}
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return reply{Error: err.Error(), Kind: "disk full"}
	}
	for kind, sentinel := range errorKinds {
		if errors.Is(err, sentinel) {
			return reply{Error: err.Error(), Kind: kind}
		}
	}
	return reply{Error: err.Error()}
}

// shimError is a shim's error on the other side.
type shimError struct {
	text string
	kind error
}

func (e *shimError) Error() string { return e.text }

func (e *shimError) Unwrap() error { return e.kind }

func (r reply) err() error {
	if r.Error == "" {
		return nil
	}
	return &shimError{text: r.Error, kind: errorKinds[r.Kind]}
}
