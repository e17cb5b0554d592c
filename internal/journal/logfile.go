package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// logFile is a file that takes an output from its beginning, perhaps once more: by
// then the engine may not have all of it any more.
type logFile struct {
	file *os.File
	// at is where the next byte goes, and old the file's size before. Bytes up to
	// old are compared.
	at, old int64
	// kept is the file with what was there, if the output has become another one.
	kept string
}

func openLog(name string) (*logFile, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &logFile{file: f, old: info.Size()}, nil
}

func (l *logFile) Write(p []byte) (int, error) {
	same, err := l.same(p)
	if err != nil {
		return 0, err
	}
	l.at += int64(same)
	if same == len(p) {
		return same, nil
	}
	if l.at < l.old {
		if err := l.keep(); err != nil {
			return same, err
		}
	}
	n, err := l.file.WriteAt(p[same:], l.at)
	l.at += int64(n)
	return same + n, err
}

// same is how many bytes of p are there already.
func (l *logFile) same(p []byte) (int, error) {
	there := make([]byte, max(0, min(int64(len(p)), l.old-l.at)))
	if _, err := l.file.ReadAt(there, l.at); err != nil {
		return 0, err
	}
	for i := range there {
		if there[i] != p[i] {
			return i, nil
		}
	}
	return len(there), nil
}

// keep copies the file, and cuts it off where the output has become another one.
func (l *logFile) keep() error {
	var keep *os.File
	var err error
	for i := 1; ; i++ {
		name := fmt.Sprintf("%s.%d", l.file.Name(), i)
		keep, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(keep, io.NewSectionReader(l.file, 0, l.old))
	if err := errors.Join(err, keep.Close()); err != nil {
		return err
	}
	l.kept, l.old = filepath.Base(keep.Name()), l.at
	return l.file.Truncate(l.at)
}

func (l *logFile) Close() error {
	err := l.file.Close()
	if err == nil && l.kept != "" {
		err = fmt.Errorf("the output is not what it was when it was read before, which is in %s", l.kept)
	}
	return err
}
