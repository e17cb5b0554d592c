package executor

import (
	"errors"
	"fmt"
)

// The sentinels on which callers branch. Executors translate their engine's
// errors at the border and wrap one of these.
var (
	// ErrNotFound: the container is gone, or its end is not known.
	ErrNotFound = errors.New("container not found")
	// ErrImageNotFound: no such image, tag or digest.
	ErrImageNotFound = errors.New("image not found")
	// ErrUnauthorized: the registry wants other credentials.
	ErrUnauthorized = errors.New("not authorised")
	// ErrUnreachable: the engine or the registry does not answer.
	ErrUnreachable = errors.New("not reachable")
	// ErrEngineGone: the engine itself does not answer, or is about to end. It
	// comes with ErrUnreachable. The same call may succeed when the engine is back.
	ErrEngineGone = errors.New("engine does not answer")
	// ErrOutputLost: the engine may have deleted a part of a container's output
	// before it was read. The rest was read to its end; reading again brings no more.
	ErrOutputLost = errors.New("a part of the output may be lost")
	// ErrUnsupported: this executor cannot do that, here or at all.
	ErrUnsupported = errors.New("not supported")
	// ErrDiskFull: no space left for an image or a container.
	ErrDiskFull = errors.New("no space left on device")
	// ErrEnvTooLarge: one environment variable passes MaxEnvString.
	ErrEnvTooLarge = errors.New("environment variable too large")
)

// EnvTooLargeError names the variable that passes MaxEnvString. It matches
// ErrEnvTooLarge.
type EnvTooLargeError struct {
	Name string
	Size int // bytes of NAME=VALUE
}

func (e *EnvTooLargeError) Error() string {
	return fmt.Sprintf("environment variable %s: %d bytes as NAME=VALUE, the limit of Linux is %d", e.Name, e.Size, MaxEnvString)
}

// Is makes errors.Is(err, ErrEnvTooLarge) true.
func (e *EnvTooLargeError) Is(target error) bool { return target == ErrEnvTooLarge }

// SettingError is a mistake in one setting of an action.
type SettingError struct {
	// Key is the way to it in the job file, from the action down:
	// "kubernetes.tolerations[0].key".
	Key string
	Err error
}

func (e *SettingError) Error() string { return e.Key + ": " + e.Err.Error() }

func (e *SettingError) Unwrap() error { return e.Err }
