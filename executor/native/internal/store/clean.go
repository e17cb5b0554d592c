package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// keepPartial is how long the beginning of a download is kept for the next try.
const keepPartial = 7 * 24 * time.Hour

// clean removes what crashed processes left, unless somebody is at work: then
// it is left for the next time.
func (s *Store) clean() error {
	unlock, err := tryLock(s.path("lock"))
	if errors.Is(err, errLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	for _, sub := range []string{"tmp", "locks"} {
		if err := emptyDir(s.path(sub), func(fs.FileInfo) bool { return true }); err != nil {
			return err
		}
	}
	old := func(info fs.FileInfo) bool { return time.Since(info.ModTime()) > keepPartial }
	for _, sub := range []string{"partial", "blobs/sha256"} {
		if err := emptyDir(s.path(sub), old); err != nil {
			return err
		}
	}
	return nil
}

func emptyDir(dir string, remove func(fs.FileInfo) bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && !remove(info) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
