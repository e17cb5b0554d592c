package executor

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Volume is one parsed --volume.
type Volume struct {
	// Source is an absolute host path, or the name of a volume; empty for an
	// anonymous one.
	Source string
	// Target is the absolute path in the container.
	Target string
	// ReadOnly is set by the option ro.
	ReadOnly bool
	// Options are the other options as given (z, Z, rshared, nocopy, ...).
	Options []string
}

// Bind reports whether the volume mounts a host path.
func (v Volume) Bind() bool {
	return strings.HasPrefix(v.Source, "/") || windowsPath.MatchString(v.Source)
}

func (v Volume) String() string {
	s := v.Target
	if v.Source != "" {
		s = v.Source + ":" + s
	}
	opts := v.Options
	if v.ReadOnly {
		opts = append([]string{"ro"}, opts...)
	}
	if len(opts) > 0 {
		s += ":" + strings.Join(opts, ",")
	}
	return s
}

var (
	windowsPath = regexp.MustCompile(`^[A-Za-z]:[\\/]`)
	volumeName  = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)
)

// volumeOptions are docker's: access, SELinux label, propagation, copying.
// At most one of each group may be given.
var volumeOptions = map[string]string{
	"ro": "access", "rw": "access",
	"z": "label", "Z": "label",
	"shared": "propagation", "rshared": "propagation", "slave": "propagation", "rslave": "propagation",
	"private": "propagation", "rprivate": "propagation",
	"nocopy": "copy",
	"cached": "consistency", "delegated": "consistency", "consistent": "consistency",
}

// ParseVolume reads docker's --volume syntax: [SOURCE:]TARGET[:OPTIONS], where
// SOURCE is an absolute host path (a Windows drive letter included) or the
// name of a volume. A relative source is an error: the caller knows what it is
// relative to.
// Source of the rule: docker run reference, "Volume (bind mount)".
func ParseVolume(s string) (Volume, error) {
	fail := func(format string, args ...any) (Volume, error) {
		return Volume{}, fmt.Errorf("volume %q: %w", s, fmt.Errorf(format, args...))
	}
	drive, rest := "", s
	if windowsPath.MatchString(s) {
		drive, rest = s[:2], s[2:]
	}
	parts := strings.Split(rest, ":")
	parts[0] = drive + parts[0]
	var v Volume
	switch {
	case s == "":
		return Volume{}, errors.New("volume: empty, want [SOURCE:]TARGET[:OPTIONS]")
	case len(parts) == 1:
		v.Target = parts[0]
	case len(parts) <= 3:
		v.Source, v.Target = parts[0], parts[1]
	default:
		return fail("too many colons, want [SOURCE:]TARGET[:OPTIONS]")
	}
	if len(parts) > 1 && v.Source == "" {
		return fail("empty source")
	}
	if !path.IsAbs(v.Target) {
		return fail("the path in the container, %q, is not absolute", v.Target)
	}
	if v.Target = path.Clean(v.Target); v.Target == "/" {
		return fail("the path in the container must not be /")
	}
	if v.Source != "" && !v.Bind() && !volumeName.MatchString(v.Source) {
		return fail("source %q is neither an absolute path nor a volume name", v.Source)
	}
	if len(parts) < 3 {
		return v, nil
	}
	if err := v.parseOptions(s, parts[2]); err != nil {
		return Volume{}, err
	}
	return v, nil
}

func (v *Volume) parseOptions(s, opts string) error {
	seen := map[string]string{}
	for opt := range strings.SplitSeq(opts, ",") {
		group, ok := volumeOptions[opt]
		if !ok {
			return fmt.Errorf("volume %q: unknown option %q", s, opt)
		}
		if other, dup := seen[group]; dup {
			return fmt.Errorf("volume %q: options %s and %s exclude each other", s, other, opt)
		}
		seen[group] = opt
		switch opt {
		case "ro":
			v.ReadOnly = true
		case "rw":
		default:
			v.Options = append(v.Options, opt)
		}
	}
	slices.Sort(v.Options)
	return nil
}
