// Package journal keeps runs on disk, a folder each:
//
//	job.yaml or job.json   the job document as it was given
//	events.ndjson          the events, one a line, append only
//	lock                   locked while a process drives the run
//	logs/                  one file per attempt and stream
//	notify/                what notifiers keep
//
// Folders and files can be read by their owner only.
package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// Errors on which callers branch.
var (
	// ErrExists: there is a run with this ID already.
	ErrExists = errors.New("run exists already")
	// ErrNotFound: there is no run with this ID.
	ErrNotFound = errors.New("run not found")
	// ErrLocked: another process drives the run.
	ErrLocked = errors.New("run is being executed by another process")
)

const (
	eventsFile = "events.ndjson"
	lockFile   = "lock"
	logsDir    = "logs"
	dirMode    = 0o700
	fileMode   = 0o600
)

var runID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`) })

// CheckRunID refuses an ID that cannot be part of a container's name: it wants
// 1 to 40 lower-case letters, digits and dashes, beginning and ending with a
// letter or digit.
func CheckRunID(id string) error {
	if !runID().MatchString(id) {
		return fmt.Errorf("run ID %q: want 1 to 40 lower-case letters, digits and inner dashes", id)
	}
	return nil
}

// Store is a folder of runs.
type Store struct{ dir string }

// NewStore gives the store in a folder, which is made when it is first needed.
func NewStore(dir string) *Store { return &Store{dir: dir} }

// Dir is the folder of one run.
func (s *Store) Dir(id string) string { return filepath.Join(s.dir, id) }

// Create makes the folder of a new run, with its job document, and locks it.
// A folder whose run never wrote its first event is used again.
// Errors: ErrExists, ErrLocked, or that of the file system.
func (s *Store) Create(id string, document []byte) (*Run, error) {
	if err := CheckRunID(id); err != nil {
		return nil, err
	}
	r, err := s.create(id, document)
	if err != nil {
		return nil, fmt.Errorf("create run %s in %s: %w", id, s.dir, err)
	}
	return r, nil
}

func (s *Store) create(id string, document []byte) (*Run, error) {
	dir := s.Dir(id)
	if err := os.MkdirAll(filepath.Join(dir, logsDir), dirMode); err != nil {
		return nil, err
	}
	r, err := open(dir, os.O_CREATE)
	if err != nil {
		return nil, err
	}
	if err := r.fill(document); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, syncDirs(dir, s.dir)
}

// fill writes what a run needs before its first event.
func (r *Run) fill(document []byte) error {
	info, err := r.events.Stat()
	if err != nil {
		return err
	}
	if info.Size() > 0 {
		if _, n, err := replay(r.events, nil); err != nil || n > 0 {
			return ErrExists
		}
		// Nothing but a torn first line: that run never began.
		if err := r.events.Truncate(0); err != nil {
			return err
		}
	}
	name := "job.yaml"
	if strings.HasPrefix(strings.TrimLeft(string(document), " \t\r\n\ufeff"), "{") {
		name = "job.json"
	}
	return writeFile(filepath.Join(r.dir, name), document)
}

// Document reads the job document of the run, and the name of its file.
func (r *Run) Document() (name string, document []byte, err error) {
	for _, base := range []string{"job.yaml", "job.json"} {
		name = filepath.Join(r.dir, base)
		document, err = os.ReadFile(name)
		if !errors.Is(err, fs.ErrNotExist) {
			return name, document, err
		}
	}
	return "", nil, fmt.Errorf("the job document of run %s is missing: %w", r.ID(), err)
}

// writeFile is durable when it returns.
func writeFile(name string, data []byte) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}
