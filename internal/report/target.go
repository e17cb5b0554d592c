package report

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Target is a report to write: its kind and its file.
type Target struct{ Kind, File string }

// ParseTarget reads KIND:FILE.
func ParseTarget(s string) (Target, error) {
	name, file, _ := strings.Cut(s, ":")
	if _, err := findKind(name); err != nil {
		return Target{}, fmt.Errorf("%q: %w, as in junit:report.xml", s, err)
	}
	if file == "" {
		return Target{}, fmt.Errorf("%q: no file: write %s:FILE", s, name)
	}
	return Target{Kind: name, File: file}, nil
}

// Check finds out whether the file can be written, without changing it.
func (t Target) Check() error {
	f, err := t.create()
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Write writes the report. The file is replaced as a whole, or left as it was.
func (t Target) Write(src Source) error {
	f, err := t.create()
	if err != nil {
		return err
	}
	err = Write(f, t.Kind, src)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), t.resolved())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", t.File, err), removed(f.Name()))
	}
	return nil
}

// create makes a new file beside the target, with the target's permissions if
// there is one.
func (t Target) create() (*os.File, error) {
	name := t.resolved()
	mode := fs.FileMode(0o666)
	info, err := os.Stat(name)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("write %s: not a regular file", t.File)
	case err == nil:
		mode = info.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("write %s: %w", t.File, err)
	}
	temp := filepath.Join(filepath.Dir(name), ".kog-report-"+rand.Text())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, fmt.Errorf("write %s: no file can be made in its folder: %w", t.File, err)
	}
	return f, nil
}

// resolved follows symbolic links, so that the file they lead to is replaced.
func (t Target) resolved() string {
	if name, err := filepath.EvalSymlinks(t.File); err == nil {
		return name
	}
	return t.File
}

func removed(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
