//go:build !linux

package store

import (
	"context"
	"errors"
	"log/slog"
	"runtime"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

var errLocked = errors.New("locked")

func supported() error {
	return markf(executor.ErrUnsupported, "images can be unpacked on Linux only, this is %s", runtime.GOOS)
}

func tryLock(string) (func(), error) { return nil, supported() }

func lockShared(string) (func(), error) { return nil, supported() }

func lock(context.Context, string) (func(), error) { return nil, supported() }

func syncTree(string) error { return supported() }

type unpackOptions struct {
	rootless bool
	log      *slog.Logger
}

func unpack(string, *stream, unpackOptions) (flat bool, err error) { return false, supported() }

// Flatten is not possible here: the error is executor.ErrUnsupported.
func Flatten(context.Context, []string, string, FlattenOptions) error { return supported() }
