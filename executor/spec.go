package executor

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
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
	// User ("name", "uid", "uid:gid") and WorkingDir replace the image's when
	// not empty.
	User       string
	WorkingDir string
	// Stdin is what the container reads before end of file. Empty means end of
	// file at once.
	Stdin []byte
	// Files appear in the container read-only, readable by every user.
	Files   []File
	Volumes []Volume
	// Network is "" (the executor's default), "host" or "none".
	Network string
	// Memory limits the container, swap included, in bytes; CPUs in processors.
	// Zero means no limit.
	Memory int64
	CPUs   float64
	// Labels mark the container for Sweep. They hold no secrets.
	Labels map[string]string
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

var idPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Check finds what no executor can start. Every Start calls it first, so that
// the same mistake has the same message everywhere. Environment values never
// appear in the message.
func (s Spec) Check() error {
	if !idPattern.MatchString(s.ID) {
		return fmt.Errorf("container ID %q: want 1 to 63 lower-case letters, digits and dashes", s.ID)
	}
	if s.Image == "" {
		return fmt.Errorf("container %s: no image", s.ID)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		if err := checkEnv(name, s.Env[name]); err != nil {
			return fmt.Errorf("container %s: %w", s.ID, err)
		}
	}
	for _, f := range s.Files {
		if !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || f.Path == "/" {
			return fmt.Errorf("container %s: file path %q: want a clean absolute path", s.ID, f.Path)
		}
	}
	for _, arg := range slices.Concat(s.Entrypoint, s.Args) {
		if strings.ContainsRune(arg, 0) {
			return fmt.Errorf("container %s: an argument contains a NUL byte", s.ID)
		}
	}
	switch s.Network {
	case "", "host", "none":
	default:
		return fmt.Errorf("container %s: network %q: want host or none: %w", s.ID, s.Network, ErrUnsupported)
	}
	if s.Memory < 0 || s.CPUs < 0 {
		return fmt.Errorf("container %s: negative memory or cpu limit", s.ID)
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
