package fake

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

// FS is a file system in memory, as one user sees it. Names are absolute.
// There are no links. Errors are *fs.PathError and match fs.ErrNotExist,
// fs.ErrExist or fs.ErrPermission.
type FS struct {
	mu     *sync.Mutex
	root   *node
	mounts map[string]mount // by clean path
	uid    int
	// readOnly is for what is in no mount.
	readOnly bool
}

// node is a file or, when children is not nil, a directory. The FS's mutex
// guards it.
type node struct {
	mode     fs.FileMode
	uid      int
	data     []byte
	children map[string]*node
}

type mount struct {
	node     *node
	readOnly bool
}

func newDir() *node {
	return &node{mode: fs.ModeDir | 0o755, children: map[string]*node{}}
}

func newFile(perm fs.FileMode, data []byte) *node { return &node{mode: perm, data: data} }

var (
	errIsDir  = errors.New("is a directory")
	errNotDir = errors.New("not a directory")
)

// place is where a name leads: the directory that holds it, and the node,
// which is nil when there is none of that name.
type place struct {
	dir      *node
	base     string
	node     *node
	readOnly bool
}

// walk follows a name from the root through the mounts.
func (f *FS) walk(name string) (place, error) {
	at := place{node: f.root, readOnly: f.readOnly}
	path := ""
	for part := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		if part == "" {
			continue
		}
		switch {
		case at.node == nil:
			return at, fs.ErrNotExist
		case at.node.children == nil:
			return at, errNotDir
		case !f.allowed(at.node, 0o1):
			return at, fs.ErrPermission
		}
		path += "/" + part
		at.dir, at.base = at.node, part
		at.node = at.dir.children[part]
		if m, ok := f.mounts[path]; ok {
			at.node, at.readOnly = m.node, m.readOnly
		}
	}
	return at, nil
}

// allowed looks at the bits of the owner and of all others. User 0 may do
// everything.
func (f *FS) allowed(n *node, bit fs.FileMode) bool {
	if f.uid == 0 {
		return true
	}
	if n.uid == f.uid {
		return n.mode&(bit<<6) != 0
	}
	return n.mode&bit != 0
}

// do walks to a name under the lock and makes errors name it.
func (f *FS) do(op, name string, work func(at place) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, err := f.walk(name)
	if err == nil {
		err = work(at)
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nil
}

// ReadFile gives the content of a file.
func (f *FS) ReadFile(name string) (data []byte, err error) {
	err = f.do("read", name, func(at place) error {
		switch {
		case at.node == nil:
			return fs.ErrNotExist
		case at.node.children != nil:
			return errIsDir
		case !f.allowed(at.node, 0o4):
			return fs.ErrPermission
		}
		data = slices.Clone(at.node.data)
		return nil
	})
	return data, err
}

// WriteFile makes a file of mode 0644 or replaces its content.
func (f *FS) WriteFile(name string, data []byte) error {
	return f.do("write", name, func(at place) error {
		n, err := f.writable(at)
		if err == nil {
			n.data = slices.Clone(data)
		}
		return err
	})
}

// AppendFile makes a file of mode 0644 or adds to its end.
func (f *FS) AppendFile(name string, data []byte) error {
	return f.do("append", name, func(at place) error {
		n, err := f.writable(at)
		if err == nil {
			n.data = append(n.data[:len(n.data):len(n.data)], data...)
		}
		return err
	})
}

// writable gives the file of a place, new when there is none.
func (f *FS) writable(at place) (*node, error) {
	if at.node == nil {
		return f.create(at, newFile(0o644, nil))
	}
	switch {
	case at.node.children != nil:
		return nil, errIsDir
	case at.readOnly, !f.allowed(at.node, 0o2):
		return nil, fs.ErrPermission
	}
	return at.node, nil
}

func (f *FS) create(at place, n *node) (*node, error) {
	if at.readOnly || !f.allowed(at.dir, 0o2) {
		return nil, fs.ErrPermission
	}
	n.uid = f.uid
	at.dir.children[at.base] = n
	return n, nil
}

// Mkdir makes one directory of mode 0755.
func (f *FS) Mkdir(name string) error {
	return f.do("mkdir", name, func(at place) error {
		if at.node != nil {
			return fs.ErrExist
		}
		_, err := f.create(at, newDir())
		return err
	})
}

// MkdirAll makes a directory and those above it. One that is there already
// gets the permissions too.
func (f *FS) MkdirAll(name string, perm fs.FileMode) error {
	dir := ""
	for part := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		if part == "" {
			continue
		}
		dir += "/" + part
		if err := f.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return f.do("mkdir", name, func(at place) error {
		if at.node.children == nil {
			return errNotDir
		}
		at.node.mode = fs.ModeDir | perm
		return nil
	})
}

// Mode gives type and permissions.
func (f *FS) Mode(name string) (mode fs.FileMode, err error) {
	err = f.do("stat", name, func(at place) error {
		if at.node == nil {
			return fs.ErrNotExist
		}
		mode = at.node.mode
		return nil
	})
	return mode, err
}
