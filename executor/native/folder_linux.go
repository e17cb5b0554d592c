//go:build cgo

package native

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// What a container's folder holds; see the package comment.
const (
	fileLock    = "lock"
	fileMeta    = "meta.json"
	fileShim    = "shim"
	fileStarted = "started"
	fileStdout  = "stdout"
	fileStderr  = "stderr"
	fileExit    = "exit.json"
	fileLog     = "shim.log" // what the shim itself says, normally nothing
	dirUpper    = "upper"
	dirWork     = "work"
	dirRootfs   = "rootfs"
	dirPrivate  = "private" // the shim mounts a tmpfs here
)

// Folders that are being made or thrown away have names that no ID can have.
const (
	prefixNew  = ".new-"
	prefixDead = ".dead-"
)

// folder is the path of a container's folder.
type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

func (f folder) id() string { return filepath.Base(string(f)) }

// meta is what is known of a container from its beginning. It holds no secrets.
type meta struct {
	Labels  map[string]string `json:"labels,omitempty"`
	Image   string            `json:"image"`
	Created time.Time         `json:"created"`
}

func (m meta) matches(labels map[string]string) bool {
	for name, value := range labels {
		if have, ok := m.Labels[name]; !ok || have != value {
			return false
		}
	}
	return true
}

// record is exit.json.
type record struct {
	executor.Exit
	// Stdout and Stderr are how long the files must be: after a power cut they
	// might be shorter.
	Stdout int64 `json:"stdout"`
	Stderr int64 `json:"stderr"`
	// Lost says why output is missing; empty when it is complete.
	Lost string `json:"lost,omitempty"`
	// DiskFull: it is missing for want of space.
	DiskFull bool `json:"disk_full,omitempty"`
}

// phase is how far a container is.
type phase int

const (
	absent   phase = iota // there is no such folder
	making                // somebody is at work to start it
	unmade                // that somebody died before the command was executed
	running               // its command was executed, and its shim is alive
	ended                 // it ended, and how is known
	vanished              // its command was executed, its shim died, its end is not known
)

// look says how far the container is, and for an ended one how it ended. All
// is read from the folder that had the name at the beginning, even if that is
// replaced meanwhile.
func (f folder) look() (phase, record, error) {
	root, err := os.OpenRoot(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return absent, record{}, nil
	}
	if err != nil {
		return absent, record{}, fmt.Errorf("look at container %s: %w", f.id(), err)
	}
	defer func() { _ = root.Close() }()
	p, r, err := lookIn(root)
	if errors.Is(err, fs.ErrNotExist) {
		return absent, record{}, nil // it is being thrown away
	}
	if err != nil {
		err = fmt.Errorf("look at container %s: %w", f.id(), err)
	}
	return p, r, err
}

func lookIn(root *os.Root) (phase, record, error) {
	// The lock first: if it is free now, nothing else changes any more.
	alive, err := locked(root)
	if err != nil {
		return absent, record{}, err
	}
	r, ok, err := readRecord(root)
	if err != nil || ok {
		return ended, r, err
	}
	_, err = root.Lstat(fileStarted)
	started := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return absent, record{}, err
	}
	switch {
	case alive && started:
		return running, record{}, nil
	case alive:
		return making, record{}, nil
	case started:
		return vanished, record{}, nil
	}
	return unmade, record{}, nil
}

// readRecord reads exit.json. One that is damaged, or does not fit the output
// files, is what a power cut left: as good as none.
func readRecord(root *os.Root) (record, bool, error) {
	data, err := root.ReadFile(fileExit)
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, false, nil
	}
	var r record
	if err != nil {
		return r, false, err
	}
	if json.Unmarshal(data, &r) != nil {
		return record{}, false, nil
	}
	for name, want := range map[string]int64{fileStdout: r.Stdout, fileStderr: r.Stderr} {
		info, err := root.Stat(name)
		if err != nil {
			return record{}, false, err
		}
		if info.Size() < want {
			return record{}, false, nil
		}
	}
	return r, true, nil
}

func (f folder) meta() (meta, error) {
	var m meta
	data, err := os.ReadFile(f.path(fileMeta))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("%s: %w", f.path(fileMeta), err)
	}
	return m, nil
}

// newFolder makes a folder that nobody else sees yet, and locks it.
func newFolder(containers string, m meta) (folder, *os.File, error) {
	dir, err := os.MkdirTemp(containers, prefixNew)
	if err != nil {
		return "", nil, err
	}
	f := folder(dir)
	lock, err := f.fill(m)
	if err != nil {
		return "", nil, errors.Join(err, removeTree(dir))
	}
	return f, lock, nil
}

func (f folder) fill(m meta) (*os.File, error) {
	lock, err := os.OpenFile(f.path(fileLock), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.fillLocked(m, lock); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

func (f folder) fillLocked(m meta, lock *os.File) error {
	if ok, err := tryLock(lock); err != nil || !ok {
		return errors.Join(fmt.Errorf("lock %s: %w", lock.Name(), errLocked), err)
	}
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{fileMeta: data, fileStdout: nil, fileStderr: nil} {
		if err := os.WriteFile(f.path(name), content, 0o600); err != nil {
			return err
		}
	}
	return os.Mkdir(f.path(dirPrivate), 0o700)
}

// isContainer tells containers from folders that are being made or removed.
func isContainer(name string) bool { return !strings.HasPrefix(name, ".") }
