package fake

import (
	"cmp"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// mount puts the file system of a container together: the image's files, a
// /proc/net/dev, volumes, file systems in memory and the files of the spec.
func (h *Host) mount(p *Proc) *FS {
	b := builder{FS{mu: &h.filesMu, root: newDir(), mounts: map[string]mount{}}}
	for name, data := range p.image.Files {
		b.put(name, newFile(0o644, data))
	}
	for _, d := range p.image.Dirs {
		b.dir(d.Path).mode = fs.ModeDir | d.Mode
	}
	b.put("/proc/net/dev", newFile(0o444, []byte(interfaces(p.Spec.Network))))
	b.dir(p.Dir)
	b.put("/etc/hosts", newFile(0o644, []byte(hosts(p.Spec.ExtraHosts))))
	b.put("/etc/resolv.conf", newFile(0o644, []byte(nameServers(p.Spec.DNS))))
	b.dir("/dev")
	b.mounts["/dev/shm"] = mount{node: inMemory()}
	volumes := slices.SortedFunc(slices.Values(p.Spec.Volumes), func(a, b executor.Volume) int {
		return cmp.Compare(a.Target, b.Target)
	})
	h.filesMu.Lock()
	defer h.filesMu.Unlock()
	for _, v := range volumes {
		b.dir(path.Dir(v.Target))
		b.mounts[v.Target] = mount{node: h.volume(v), readOnly: v.ReadOnly}
	}
	if w := p.Spec.Workspace; w.ID != "" {
		b.dir(path.Dir(w.Target))
		b.mounts[w.Target] = mount{node: p.workspace}
	}
	for _, m := range p.Spec.Tmpfs {
		b.dir(path.Dir(m.Target))
		b.mounts[m.Target] = mount{node: inMemory(), readOnly: slices.Contains(strings.Split(m.Options, ","), "ro")}
	}
	for _, f := range p.Spec.Files {
		b.dir(path.Dir(f.Path))
		b.mounts[f.Path] = mount{node: newFile(0o444, f.Data), readOnly: true}
	}
	b.uid, b.readOnly = p.UID, p.Spec.ReadOnly
	return &b.FS
}

// builder makes what is missing, without asking for permission or the mutex.
type builder struct{ FS }

func (b *builder) put(name string, n *node) {
	b.dir(path.Dir(name)).children[path.Base(name)] = n
}

// dir gives a directory, and makes it and those above it where they are
// missing. A file in the way is replaced.
func (b *builder) dir(name string) *node {
	at, sofar := b.root, ""
	for part := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		if part == "" {
			continue
		}
		sofar += "/" + part
		next := at.children[part]
		if m, ok := b.mounts[sofar]; ok {
			next = m.node
		}
		if next == nil || next.children == nil {
			next = newDir()
			at.children[part] = next
		}
		at = next
	}
	return at
}

// volume gives the directory of the host that a volume shows, or its file.
func (h *Host) volume(v executor.Volume) *node {
	host := FS{mu: &h.filesMu, root: h.files}
	switch {
	case v.Source == "": // anonymous: for this container only
		return newDir()
	case !v.Bind():
		return (&builder{host}).dir("/volumes/" + v.Source)
	}
	if at, err := host.walk(v.Source); err == nil && at.node != nil {
		return at.node
	}
	return (&builder{host}).dir(v.Source)
}

// makeVolumes makes the directories of the host that volumes name.
func (h *Host) makeVolumes(volumes []executor.Volume) {
	if len(volumes) == 0 {
		return
	}
	h.filesMu.Lock()
	defer h.filesMu.Unlock()
	for _, v := range volumes {
		h.volume(v)
	}
}

// workspace is the volume of a run.
type workspace struct {
	root   *node
	labels map[string]string
}

// makeWorkspace makes the volume of a run, if there is to be one and none yet.
// The mutex is held.
func (h *Host) makeWorkspace(w executor.Workspace) *node {
	if w.ID == "" {
		return nil
	}
	have, ok := h.workspaces[w.ID]
	if !ok {
		have = workspace{root: inMemory(), labels: maps.Clone(w.Labels)}
		h.workspaces[w.ID] = have
	}
	return have.root
}

// inMemory is the root of a file system in memory.
func inMemory() *node {
	n := newDir()
	n.mode = fs.ModeDir | fs.ModeSticky | 0o777
	return n
}

func hosts(extra []executor.ExtraHost) string {
	text := "127.0.0.1\tlocalhost\n"
	for _, h := range extra {
		if h.IP == executor.HostGateway {
			h.IP = "127.0.0.1"
		}
		text += h.IP + "\t" + h.Name + "\n"
	}
	return text
}

func nameServers(list []string) string {
	if len(list) == 0 {
		list = []string{"127.0.0.1"}
	}
	text := ""
	for _, ip := range list {
		text += "nameserver " + ip + "\n"
	}
	return text
}

// interfaces is what /proc/net/dev shows (proc_pid_net(5)).
func interfaces(network string) string {
	text := "Inter-|   Receive                                                |  Transmit\n" +
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n" +
		"    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n"
	if network != "none" {
		text += "  eth0:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n"
	}
	return text
}
