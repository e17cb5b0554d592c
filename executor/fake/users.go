package fake

import (
	"fmt"
	"strconv"
	"strings"
)

// user gives the ids for "", "name", "uid", "name:group" or "uid:gid". Names
// are looked up in the image, as is the group of a user who comes without one.
func (i *image) user(spec string) (uid, gid int, err error) {
	if spec == "" {
		spec = i.Config.User
	}
	if spec == "" {
		return 0, 0, nil
	}
	name, group, hasGroup := strings.Cut(spec, ":")
	entry := lookup(i.Files["/etc/passwd"], name)
	switch {
	case len(entry) > 3:
		uid, _ = strconv.Atoi(entry[2])
		gid, _ = strconv.Atoi(entry[3])
	default:
		if uid, err = strconv.Atoi(name); err != nil {
			return 0, 0, fmt.Errorf("image %s: user %q: not in /etc/passwd", i.ref, name)
		}
	}
	if !hasGroup {
		return uid, gid, nil
	}
	if entry := lookup(i.Files["/etc/group"], group); len(entry) > 2 {
		gid, _ = strconv.Atoi(entry[2])
	} else if gid, err = strconv.Atoi(group); err != nil {
		return 0, 0, fmt.Errorf("image %s: group %q: not in /etc/group", i.ref, group)
	}
	return uid, gid, nil
}

// lookup finds the line of a name or a number in a file like /etc/passwd.
func lookup(file []byte, who string) []string {
	for line := range strings.Lines(string(file)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) > 2 && (fields[0] == who || fields[2] == who) {
			return fields
		}
	}
	return nil
}
