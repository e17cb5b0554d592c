package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"gitlab.com/f5-pwe/kog/v3/event"
)

// Run is the open folder of one run, locked by this process. It is an
// engine.Journal and an engine.Output. Append is for one goroutine at a time.
type Run struct {
	dir    string
	lock   *os.File
	events *os.File
	size   int64
	failed error
}

// Open locks the folder of a run and replays its events. A torn last line is
// cut off.
// Errors: ErrNotFound, ErrLocked, *DamagedError, or that of the file system.
func (s *Store) Open(id string) (*Run, event.State, error) {
	if err := CheckRunID(id); err != nil {
		return nil, event.State{}, err
	}
	r, state, err := s.open(id)
	if err != nil {
		return nil, event.State{}, fmt.Errorf("open run %s in %s: %w", id, s.dir, err)
	}
	return r, state, nil
}

func (s *Store) open(id string) (*Run, event.State, error) {
	r, err := open(s.Dir(id), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, event.State{}, ErrNotFound
	} else if err != nil {
		return nil, event.State{}, err
	}
	var state event.State
	good, n, err := replay(r.events, func(e event.Event) (err error) {
		state, err = state.Apply(e)
		return err
	})
	if err == nil && n == 0 {
		err = ErrNotFound // it never began
	}
	if err == nil {
		err = r.events.Truncate(good)
	}
	if err == nil {
		_, err = r.events.Seek(good, io.SeekStart)
	}
	if err != nil {
		return nil, event.State{}, errors.Join(err, r.Close())
	}
	r.size = good
	return r, state, nil
}

// Read hands the events of a run to f, without locking it: a run that is being
// executed can be read too. Errors of f end it.
func (s *Store) Read(id string, f func(event.Event) error) error {
	if err := CheckRunID(id); err != nil {
		return err
	}
	file, err := os.Open(filepath.Join(s.Dir(id), eventsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read run %s in %s: %w", id, s.dir, ErrNotFound)
	} else if err != nil {
		return fmt.Errorf("read run %s: %w", id, err)
	}
	defer func() { _ = file.Close() }()
	if _, _, err := replay(file, f); err != nil {
		return fmt.Errorf("read run %s: %w", id, err)
	}
	return nil
}

func open(dir string, flag int) (*Run, error) {
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|flag, fileMode)
	if err != nil {
		return nil, err
	}
	if err := tryLock(lock); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	events, err := os.OpenFile(filepath.Join(dir, eventsFile), os.O_RDWR|flag, fileMode)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &Run{dir: dir, lock: lock, events: events}, nil
}

// ID is the run's ID.
func (r *Run) ID() string { return filepath.Base(r.dir) }

// Append writes one event and returns when it is durable. After a failure the
// run's folder is as before the call, as far as the disk allows, and every
// later Append fails.
func (r *Run) Append(_ context.Context, e event.Event) error {
	if r.failed != nil {
		return r.failed
	}
	line, err := event.Encode(e)
	if err == nil {
		_, err = r.events.Write(line)
	}
	if err == nil {
		err = datasync(r.events)
	}
	if err != nil {
		r.failed = fmt.Errorf("append to %s: %w", r.events.Name(), err)
		return errors.Join(r.failed, r.events.Truncate(r.size))
	}
	r.size += int64(len(line))
	return nil
}

// Close unlocks the folder.
func (r *Run) Close() error {
	return errors.Join(r.events.Close(), r.lock.Close())
}

// DamagedError is a line of a journal, not its last, that cannot be read, or
// an event that cannot follow the ones before it.
type DamagedError struct {
	File string
	Line int
	Err  error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("journal is damaged: %s:%d: %v", e.File, e.Line, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// replay reads events from the beginning of a file. good is the offset behind
// the last usable line, n their number. A last line that is cut short, or that
// a crash left unreadable, is passed over.
func replay(f *os.File, each func(event.Event) error) (good int64, n int, err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, 0, err
	}
	br := bufio.NewReaderSize(f, 64<<10)
	for {
		line, err := br.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return good, n, nil
		} else if err != nil {
			return good, n, err
		}
		e, err := event.Decode(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil && !errors.Is(err, event.ErrTooNew) {
			if _, peek := br.Peek(1); errors.Is(peek, io.EOF) {
				return good, n, nil
			}
		}
		if err == nil && each != nil {
			err = each(e)
		}
		if err != nil {
			return good, n, &DamagedError{File: f.Name(), Line: n + 1, Err: err}
		}
		good += int64(len(line))
		n++
	}
}
