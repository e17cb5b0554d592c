package executor

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// MaxEnvString is the longest "NAME=VALUE" in bytes that Linux passes to a
// program: MAX_ARG_STRLEN, 32 pages of 4 KiB, less the final NUL (execve(2)).
const MaxEnvString = 131071

// Spec says what to run. It is neutral between executors.
type Spec struct {
	// ID is the container's name: lower-case letters, digits and dashes, at
	// most 63, beginning and ending with a letter or digit (RFC 1123 label).
	ID string
	// Image is Image.Pinned as Resolve gave it.
	Image string
	// Entrypoint and Args replace the image's ENTRYPOINT and CMD when not nil.
	// As in Docker, setting Entrypoint drops the image's CMD.
	Entrypoint []string
	Args       []string
	// Env is laid over the image's ENV. Values are secret: they go nowhere but
	// into the container.
	Env map[string]string
	// User ("name", "uid", "uid:gid") and WorkingDir, an absolute path, replace
	// the image's when not empty.
	User       string
	WorkingDir string
	// Stdin is what the container reads before end of file. Empty means end of
	// file at once.
	Stdin []byte
	// Files appear in the container read-only, readable by every user. They lie
	// over the volumes.
	Files   []File
	Volumes []Volume
	// Network is one of the Network constants, or the name of a network.
	Network string
	// Sandbox is shared by the containers of a run; needed for NetworkRun.
	// Default: none, each container has everything for itself.
	Sandbox Sandbox
	// Memory limits the container, swap included, in bytes; CPUs in processors.
	// Zero means no limit.
	Memory int64
	CPUs   float64
	GPUs   GPUs
	// Privileged lifts the isolation from the engine's machine.
	Privileged bool
	Devices    []Device
	// CapAdd and CapDrop change the executor's default capabilities: names as in
	// capabilities(7) without CAP_, or ALL. What is dropped and added is added.
	CapAdd  []string
	CapDrop []string
	// ReadOnly makes the image's file system read-only in the container.
	// Volumes, tmpfs and the standard mounts stay as they are.
	ReadOnly bool
	Tmpfs    []Tmpfs
	// ShmSize is the size of /dev/shm in bytes. Zero is the executor's default.
	ShmSize    int64
	ExtraHosts []ExtraHost
	// DNS lists the addresses of the name servers that replace the default.
	DNS []string
	// Init puts an init process before the command, which passes signals on and
	// reaps what the command leaves behind.
	Init bool
	// Labels mark the container for Sweep. They hold no secrets, and their
	// names no equals sign.
	Labels map[string]string
	// Pull is for executors that pull at start, not in Resolve (Kubernetes), and for
	// an image that was removed since it was resolved.
	Pull PullPolicy
	// Grace is how long the container has after SIGTERM when the engine ends it
	// by itself: when its node is drained, or when Limit has passed.
	Grace time.Duration
	// Limit is when an engine that can do so ends the container by itself, for
	// the case that nobody else does it. Zero means never.
	Limit time.Duration
	// Workspace is a volume shared by the containers of a run.
	Workspace Workspace
	// Kubernetes is the block of that name of an action, decoded from YAML or
	// JSON: maps, slices, strings, numbers, booleans and nil.
	Kubernetes map[string]any
	// Progress, when set, hears what is worth telling while Start waits. It
	// may be called from any goroutine, and not after Start returned.
	Progress func(Progress) `json:"-"`
}

// File is a small file that is put into a container.
type File struct {
	// Path is absolute. Missing parent directories are made.
	Path string
	Data []byte
}

var (
	idPattern   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`) })
	networkName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`) })
)

// Check finds what no executor can start. Every Start calls it first, so that
// the same mistake has the same message everywhere. Environment values never
// appear in the message.
func (s Spec) Check() error {
	if !idPattern().MatchString(s.ID) {
		return fmt.Errorf("container ID %q: want 1 to 63 lower-case letters, digits and dashes", s.ID)
	}
	for _, check := range []func(Spec) error{
		Spec.checkCommand, Spec.checkEnv, Spec.checkMounts, Spec.checkLimits, Spec.checkSettings, Spec.checkLabels,
	} {
		if err := check(s); err != nil {
			return fmt.Errorf("container %s: %w", s.ID, err)
		}
	}
	return nil
}

func (s Spec) checkCommand() error {
	if s.Image == "" {
		return errors.New("no image")
	}
	for _, arg := range slices.Concat(s.Entrypoint, s.Args) {
		if strings.ContainsRune(arg, 0) {
			return errors.New("an argument contains a NUL byte")
		}
	}
	if s.WorkingDir != "" && !path.IsAbs(s.WorkingDir) {
		return fmt.Errorf("working directory %q: want an absolute path", s.WorkingDir)
	}
	return nil
}

func (s Spec) checkEnv() error {
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		if err := checkEnv(name, s.Env[name]); err != nil {
			return err
		}
	}
	return nil
}

// checkMounts looks at files, volumes and tmpfs. No two may claim one path.
func (s Spec) checkMounts() error {
	taken := make(map[string]bool, len(s.Files)+len(s.Volumes))
	claim := func(what, target string) error {
		if !path.IsAbs(target) || path.Clean(target) != target || target == "/" {
			return fmt.Errorf("%s path %q: want a clean absolute path", what, target)
		}
		if taken[target] {
			return fmt.Errorf("%s path %q: is used twice", what, target)
		}
		taken[target] = true
		return nil
	}
	if s.Workspace.ID != "" {
		if err := claim("workspace", s.Workspace.Target); err != nil {
			return err
		}
	}
	for _, v := range s.Volumes {
		if err := claim("volume", v.Target); err != nil {
			return err
		}
	}
	for _, m := range s.Tmpfs {
		if err := claim("tmpfs", m.Target); err != nil {
			return err
		}
	}
	for _, f := range s.Files {
		if err := claim("file", f.Path); err != nil {
			return err
		}
	}
	return nil
}

func (s Spec) checkLimits() error {
	if err := CheckNetwork(s.Network); err != nil {
		return err
	}
	if s.Memory < 0 {
		return fmt.Errorf("memory limit of %d bytes: is negative", s.Memory)
	}
	if s.CPUs < 0 || math.IsNaN(s.CPUs) || math.IsInf(s.CPUs, 1) {
		return fmt.Errorf("cpu limit of %v processors: want a positive number", s.CPUs)
	}
	return nil
}

func (s Spec) checkLabels() error {
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return fmt.Errorf("label name %q: empty, or contains = or NUL", name)
		}
	}
	return nil
}

func checkEnv(name, value string) error {
	if name == "" || strings.ContainsAny(name, "=\x00") {
		return fmt.Errorf("environment name %q: empty, or contains = or NUL", name)
	}
	if strings.ContainsRune(value, 0) {
		return fmt.Errorf("environment variable %s: its value contains a NUL byte", name)
	}
	if n := len(name) + 1 + len(value); n > MaxEnvString {
		return &EnvTooLargeError{Name: name, Size: n}
	}
	return nil
}
