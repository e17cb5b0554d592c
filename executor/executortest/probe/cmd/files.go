//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// files is the real file system.
type files struct{}

func (files) ReadFile(name string) ([]byte, error) { return os.ReadFile(name) }

func (files) WriteFile(name string, data []byte) error {
	return denied(os.WriteFile(name, data, 0o666))
}

func (files) AppendFile(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return denied(err)
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func (files) Mkdir(name string) error { return denied(os.Mkdir(name, 0o777)) }

func (files) Mode(name string) (fs.FileMode, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Mode(), nil
}

func (files) Open(name string, write bool) error {
	flag := os.O_RDONLY
	if write {
		flag = os.O_WRONLY
	}
	f, err := os.OpenFile(name, flag, 0)
	if err != nil {
		return denied(err)
	}
	return f.Close()
}

func (files) Size(name string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(name, &st); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: name, Err: err}
	}
	return int64(st.Blocks) * int64(st.Bsize), nil //nolint:unconvert // Bsize has other sizes elsewhere
}

// denied makes the error of a read-only file system match fs.ErrPermission.
func denied(err error) error {
	if errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%w: %w", fs.ErrPermission, err)
	}
	return err
}
