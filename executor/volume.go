package executor

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Volume is one parsed --volume.
type Volume struct {
	// Source is an absolute host path, or the name of a volume; empty for an
	// anonymous one. See also Cluster.
	Source string
	// Target is the absolute path in the container.
	Target string
	// ReadOnly is set by the option ro.
	ReadOnly bool
	// Options are the other options as given (z, Z, rshared, nocopy, ...).
	Options []string
}

// Bind reports whether the volume mounts a host path, a Windows one included.
func (v Volume) Bind() bool {
	return strings.HasPrefix(v.Source, "/") || strings.HasPrefix(v.Source, `\\`) || windowsDrive().MatchString(v.Source)
}

// Cluster takes apart the sources that only Kubernetes has, "secret/NAME" and
// "configmap/NAME". kind is empty for any other.
func (v Volume) Cluster() (kind, name string) {
	kind, name, ok := strings.Cut(v.Source, "/")
	if !ok || kind != "secret" && kind != "configmap" {
		return "", ""
	}
	return kind, name
}

// String gives the volume in the syntax that ParseVolume reads.
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
	windowsDrive = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z]:[\\/]`) })
	volumeName   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`) })
	// objectName is RFC 1123's subdomain, as Kubernetes wants it.
	objectName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	})
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
// SOURCE is an absolute host path (a Windows drive or share included), the name
// of a volume, secret/NAME or configmap/NAME. A relative source is an error: the caller knows what it is
// relative to.
// Source of the rules: docker run reference, section on bind mounts.
func ParseVolume(s string) (Volume, error) {
	v, opts, err := splitVolume(s)
	if err == nil {
		err = v.checkPaths()
	}
	if err == nil && opts != nil {
		err = v.parseOptions(*opts)
	}
	if err != nil {
		return Volume{}, fmt.Errorf("volume %q: %w", s, err)
	}
	v.Target = path.Clean(v.Target)
	return v, nil
}

// splitVolume cuts at the colons, of which the one behind a drive letter is
// none. opts is nil when there are no options.
func splitVolume(s string) (v Volume, opts *string, err error) {
	drive, rest := "", s
	if windowsDrive().MatchString(s) {
		drive, rest = s[:2], s[2:]
	}
	parts := strings.Split(rest, ":")
	parts[0] = drive + parts[0]
	switch {
	case s == "":
		return v, nil, errors.New("is empty, want [SOURCE:]TARGET[:OPTIONS]")
	case len(parts) > 1 && parts[0] == "":
		return v, nil, errors.New("empty source")
	case len(parts) == 1:
		v.Target = parts[0]
	case len(parts) == 2:
		v.Source, v.Target = parts[0], parts[1]
	case len(parts) == 3:
		v.Source, v.Target, opts = parts[0], parts[1], &parts[2]
	default:
		return v, nil, errors.New("too many colons, want [SOURCE:]TARGET[:OPTIONS]")
	}
	return v, opts, nil
}

func (v Volume) checkPaths() error {
	if !path.IsAbs(v.Target) {
		return fmt.Errorf("the path in the container, %q, is not absolute", v.Target)
	}
	if path.Clean(v.Target) == "/" {
		return errors.New("the path in the container must not be /")
	}
	if kind, name := v.Cluster(); kind != "" {
		if !objectName().MatchString(name) {
			return fmt.Errorf("source %q: %q cannot be the name of a %s", v.Source, name, kind)
		}
		return nil
	}
	if v.Source != "" && !v.Bind() && !volumeName().MatchString(v.Source) {
		return fmt.Errorf("source %q is neither an absolute path nor a volume name", v.Source)
	}
	return nil
}

func (v *Volume) parseOptions(opts string) error {
	seen := map[string]string{}
	for opt := range strings.SplitSeq(opts, ",") {
		group, ok := volumeOptions[opt]
		if !ok {
			return fmt.Errorf("unknown option %q", opt)
		}
		if other, dup := seen[group]; dup {
			return fmt.Errorf("options %s and %s exclude each other", other, opt)
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
	if opt := seen["propagation"]; opt != "" && !v.Bind() {
		return fmt.Errorf("option %s is for host paths only", opt)
	}
	if opt := seen["copy"]; opt != "" && v.Bind() {
		return fmt.Errorf("option %s is for named volumes only", opt)
	}
	return nil
}
