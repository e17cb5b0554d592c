package job

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

var (
	sizeForm    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9]+)(\.[0-9]+)? ?([kmgtp]?)i?b?$`) })
	cpusForm    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]*\.?[0-9]*(?:[eE][-+]?[0-9]+)?$`) })
	userForm    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[^:\s]+(?::[^:\s]+)?$`) })
	networkForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`) })
	hostForm    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9_](?:[a-zA-Z0-9_.-]*[a-zA-Z0-9_])?$`) })
	gpuForm     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.:-]*$`) })
)

// ParseSize reads a size in bytes as job files have it, with docker's units: k,
// m, g, t and p are powers of 1024, whatever is written behind them. 10g, 10GB,
// 10Gi, 10GiB and 10737418240 are the same. The error is anything else, zero,
// and 8 EiB or more.
func ParseSize(s string) (int64, error) {
	const way = "write bytes, or a number with a unit, such as 512m, 1.5g or 64MiB"
	parts := sizeForm().FindStringSubmatch(strings.ToLower(s))
	if parts == nil {
		return 0, fmt.Errorf("%s is not a size: %s", quote(s), way)
	}
	unit := int64(1)
	if parts[3] != "" {
		unit <<= 10 * (1 + strings.Index("kmgtp", parts[3]))
	}
	n, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || n > math.MaxInt64/unit-1 {
		return 0, fmt.Errorf("%s is too large", quote(s))
	}
	n *= unit
	if parts[2] != "" {
		rest, err := strconv.ParseFloat("0"+parts[2], 64)
		if err != nil {
			return 0, fmt.Errorf("%s is not a size: %s", quote(s), way)
		}
		n += int64(rest * float64(unit))
	}
	if n == 0 {
		return 0, fmt.Errorf("%s is no size: %s, or leave it out", quote(s), way)
	}
	return n, nil
}

// parseCPUs reads processors.
//
// Source of the lower limit: a period has 100 ms, and the kernel gives at
// least 1 ms of it (Linux, Documentation/scheduler/sched-bwc).
func parseCPUs(s string) (float64, error) {
	const least, most = 0.01, 1e6
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !cpusForm().MatchString(s) || n < least || n > most {
		return 0, fmt.Errorf("%s: want a number of processors from %v, such as 0.5 or 2", quote(s), least)
	}
	return n, nil
}

func parseGPUs(s string) (GPUs, error) {
	if s == "all" {
		return GPUs{Count: -1}, nil
	}
	if list, ok := strings.CutPrefix(s, "device="); ok {
		ids := strings.Split(list, ",")
		for _, id := range ids {
			if !gpuForm().MatchString(id) {
				return GPUs{}, fmt.Errorf("%s: %s is not the number or the UUID of a device", quote(s), quote(id))
			}
		}
		return GPUs{IDs: ids}, nil
	}
	n, err := strconv.ParseUint(s, 10, 15)
	if err != nil || n == 0 {
		return GPUs{}, fmt.Errorf("%s: write all, a number of devices, or device=0,1", quote(s))
	}
	return GPUs{Count: int(n)}, nil
}

func parseUser(s string) (string, error) {
	if !userForm().MatchString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return "", fmt.Errorf("%s: write NAME, UID, or either with a group, such as 1000:1000", quote(s))
	}
	return s, nil
}

func parseNetwork(s string) (string, error) {
	if s == "run" {
		return "", errors.New("the network of a run is shared by all its containers: leave the key out, and give --network run")
	}
	if !networkForm().MatchString(s) {
		return "", fmt.Errorf("%s: write host, none or the name of a network", quote(s))
	}
	return s, nil
}

func parsePath(s string) (string, error) {
	if !path.IsAbs(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return "", fmt.Errorf("%s is not an absolute path", quote(s))
	}
	return path.Clean(s), nil
}

// parseDevice reads SOURCE[:TARGET][:PERMISSIONS]. As in docker, a second part
// made of r, w and m only is the permissions.
func parseDevice(s string) (Device, error) {
	parts := strings.Split(s, ":")
	d := Device{Source: parts[0], Target: parts[0], Permissions: "rwm"}
	switch {
	case len(parts) == 2 && strings.Trim(parts[1], "rwm") == "":
		d.Permissions = parts[1]
	case len(parts) == 2:
		d.Target = parts[1]
	case len(parts) == 3:
		d.Target, d.Permissions = parts[1], parts[2]
	case len(parts) > 3:
		return Device{}, fmt.Errorf("%s: too many colons, want SOURCE[:TARGET[:PERMISSIONS]]", quote(s))
	}
	if d.Permissions == "" || strings.Trim(d.Permissions, "rwm") != "" || len(d.Permissions) > 3 {
		return Device{}, fmt.Errorf("%s: permissions %s: write some of r, w and m", quote(s), quote(d.Permissions))
	}
	for _, name := range []*string{&d.Source, &d.Target} {
		clean, err := parsePath(*name)
		if err != nil {
			return Device{}, fmt.Errorf("%s: %w", quote(s), err)
		}
		*name = clean
	}
	return d, nil
}

func parseTmpfs(s string) (Tmpfs, error) {
	target, options, _ := strings.Cut(s, ":")
	clean, err := parsePath(target)
	if err != nil {
		return Tmpfs{}, err
	}
	if clean == "/" {
		return Tmpfs{}, errors.New("a tmpfs at / would hide the image")
	}
	if options == "" {
		return Tmpfs{Target: clean}, nil
	}
	for option := range strings.SplitSeq(options, ",") {
		if err := checkTmpfsOption(option); err != nil {
			return Tmpfs{}, fmt.Errorf("%s: %w", quote(s), err)
		}
	}
	return Tmpfs{Target: clean, Options: options}, nil
}

// tmpfsOptions are the options that say how a tmpfs is mounted, and the forms
// of those that have a value.
//
// Source: mount(8), tmpfs(5).
var tmpfsOptions = sync.OnceValue(func() map[string]*regexp.Regexp {
	size, number := regexp.MustCompile(`^[0-9]+[kKmMgG%]?$`), regexp.MustCompile(`^[0-9]+$`)
	options := map[string]*regexp.Regexp{
		"size": size, "nr_blocks": size, "nr_inodes": size,
		"mode": regexp.MustCompile(`^[0-7]{1,4}$`), "uid": number, "gid": number,
	}
	for _, flag := range []string{"ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec"} {
		options[flag] = nil
	}
	return options
})

func checkTmpfsOption(option string) error {
	name, value, valued := strings.Cut(option, "=")
	form, ok := tmpfsOptions()[name]
	switch {
	case !ok:
		return fmt.Errorf("unknown option %s%s", quote(name), suggest(name, keys(tmpfsOptions())))
	case form == nil && valued:
		return fmt.Errorf("option %s has no value", name)
	case form != nil && !form.MatchString(value):
		return fmt.Errorf("option %s: %s is not a value for it, write such as size=64m, mode=1777 or uid=1000", name, quote(value))
	}
	return nil
}

// parseExtraHost reads NAME:IP and NAME=IP. An IPv6 address may stand in
// brackets.
func parseExtraHost(s string) (ExtraHost, error) {
	i := strings.IndexAny(s, ":=")
	if i < 0 {
		return ExtraHost{}, fmt.Errorf("%s: write NAME:IP", quote(s))
	}
	h := ExtraHost{Name: s[:i], IP: s[i+1:]}
	if !hostForm().MatchString(h.Name) {
		return ExtraHost{}, fmt.Errorf("%s: %s is not the name of a host", quote(s), quote(h.Name))
	}
	if h.IP == HostGateway {
		return h, nil
	}
	if strings.HasPrefix(h.IP, "[") && strings.HasSuffix(h.IP, "]") {
		h.IP = h.IP[1 : len(h.IP)-1]
	}
	var err error
	if h.IP, err = parseIP(h.IP); err != nil {
		return ExtraHost{}, fmt.Errorf("%s: %w, and not %s", quote(s), err, HostGateway)
	}
	return h, nil
}

func parseIP(s string) (string, error) {
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" {
		return "", fmt.Errorf("%s is not an IP address", quote(s))
	}
	return ip.String(), nil
}
