package notify

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// The files of a spool, both append only, one JSON object a line.
const (
	spoolFile  = "spool.ndjson"
	cursorFile = "cursor.ndjson"
	dirMode    = 0o700
	fileMode   = 0o600
)

// record is one notification in a spool.
type record struct {
	Seq         uint64          `json:"seq"`
	ID          string          `json:"id"`
	ContentType string          `json:"content_type"`
	Body        json.RawMessage `json:"body"`
}

// mark says that a notification needs no further try.
type mark struct {
	Seq uint64 `json:"seq"`
	// Refused is why it was given up, empty when it was delivered.
	Refused string `json:"refused,omitempty"`
}

// entry is where a record lies in the file.
type entry struct {
	seq       uint64
	from, end int64
}

// spool is the open folder of one notifier. append is for one goroutine,
// read, sync and done for another.
type spool struct {
	file, cursor *os.File
	size         int64
	synced       int64
}

// contents is what a spool held when it was opened.
type contents struct {
	waiting []entry
	// last is the sequence number of the latest record that was ever kept.
	last uint64
	// refused are the notifications that were given up.
	refused []mark
}

// openSpool opens a spool, or makes it. A line that a crash left unreadable
// ends it there: what followed comes again from the journal.
func openSpool(dir string) (*spool, contents, error) {
	var c contents
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, c, err
	}
	s := &spool{}
	var err error
	if s.file, err = openFile(dir, spoolFile); err != nil {
		return nil, c, err
	}
	if s.cursor, err = openFile(dir, cursorFile); err != nil {
		return nil, c, errors.Join(err, s.file.Close())
	}
	if c, err = s.load(); err != nil {
		return nil, c, errors.Join(err, s.close())
	}
	return s, c, nil
}

func openFile(dir, name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, fileMode)
}

func (s *spool) load() (contents, error) {
	var c contents
	_, err := readLines(s.cursor, func(m mark, _ entry) bool {
		if m.Seq <= c.last {
			return false
		}
		c.last = m.Seq
		if m.Refused != "" {
			c.refused = append(c.refused, m)
		}
		return true
	})
	if err != nil {
		return c, err
	}
	var before uint64
	delivered := c.last
	s.size, err = readLines(s.file, func(r record, e entry) bool {
		if r.Seq <= before {
			return false
		}
		before, e.seq = r.Seq, r.Seq
		if r.Seq > delivered {
			c.waiting = append(c.waiting, e)
		}
		return true
	})
	c.last = max(c.last, before)
	return c, err
}

// readLines hands the lines of a file to f until one cannot be read or f has
// enough, cuts the file off there and returns its size.
func readLines[T any](file *os.File, f func(T, entry) bool) (int64, error) {
	br := bufio.NewReaderSize(file, 64<<10)
	var good int64
	for {
		line, err := br.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return good, fmt.Errorf("read %s: %w", file.Name(), err)
		}
		var v T
		end := good + int64(len(line))
		if err != nil || json.Unmarshal(line, &v) != nil || !f(v, entry{from: good, end: end}) {
			break
		}
		good = end
	}
	if err := file.Truncate(good); err != nil {
		return good, fmt.Errorf("cut off %s: %w", file.Name(), err)
	}
	_, err := file.Seek(good, io.SeekStart)
	return good, err
}

// append adds a record. After an error the spool is as before the call, as far
// as the disk allows.
func (s *spool) append(r record) (entry, error) {
	line, err := encode(r)
	if err == nil {
		_, err = s.file.Write(append(line, '\n'))
	}
	if err != nil {
		_, seekErr := s.file.Seek(s.size, io.SeekStart)
		return entry{}, errors.Join(err, s.file.Truncate(s.size), seekErr)
	}
	e := entry{seq: r.Seq, from: s.size, end: s.size + int64(len(line)) + 1}
	s.size = e.end
	return e, nil
}

// read gives a record, which is on disk by then, so that it is the same after
// any crash.
func (s *spool) read(e entry) (record, error) {
	var r record
	line := make([]byte, e.end-e.from)
	if _, err := s.file.ReadAt(line, e.from); err != nil {
		return r, fmt.Errorf("read spool: %w", err)
	}
	if s.synced < e.end {
		if err := s.file.Sync(); err != nil {
			return r, fmt.Errorf("sync spool: %w", err)
		}
		s.synced = e.end
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("read spool: %w", err)
	}
	return r, nil
}

// done notes that a record needs no further try.
func (s *spool) done(m mark) error {
	line, err := encode(m)
	if err == nil {
		_, err = s.cursor.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write cursor: %w", err)
	}
	return nil
}

func (s *spool) close() error { return errors.Join(s.file.Close(), s.cursor.Close()) }
