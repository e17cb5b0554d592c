// Package builtin holds the image that kog carries in itself, and the program
// that runs in it.
//
// The image is made from the running binary: its only program is the binary
// under another name, which Dispatch recognises. So a job can run where there
// is no registry, and examples and tests need nothing but kog.
package builtin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// AutoResult is the name of the one built-in image, "builtin:auto-result" in a
// job, and of its program. See Main for what the program does.
const AutoResult = "auto-result"

// revision changes whenever the image would change while the binary and its
// libraries stay: its files, its configuration.
const revision = "1"

// Images makes the built-in images. The zero value is ready, and its methods
// may be called concurrently.
type Images struct{}

// Key names what WriteArchive would write, without writing it: equal keys mean
// equal images. It is cheap (about a millisecond for a static binary), so that
// it can be asked before every use.
//
// Errors: executor.ErrImageNotFound for a name that is not built in,
// executor.ErrUnsupported where the running program cannot run in a Linux
// container.
func (Images) Key(name string) (string, error) {
	if err := known(name); err != nil {
		return "", err
	}
	key, err := selfKey()
	if err != nil {
		return "", fmt.Errorf("built-in image %s: %w", name, err)
	}
	sum := sha256.Sum256([]byte(revision + "\n" + name + "\n" + key))
	return hex.EncodeToString(sum[:]), nil
}

// WriteArchive writes the image as the docker-archive format has it: a tar of
// one layer, its configuration and manifest.json. The same binary gives the
// same bytes. When ctx ends, the call ends with its cause.
//
// The layer holds the running binary as /auto-result with, for a binary that
// is not static, its loader and libraries; /etc/passwd, /etc/group and /tmp.
// The configuration declares that the program reads KOG_CONTEXT and
// KOG_CONTEXT_FILE, so it takes contexts of any size.
//
// Errors: those of Key, and whatever reading the binary or writing to w gives.
func (Images) WriteArchive(ctx context.Context, name string, w io.Writer) error {
	if err := known(name); err != nil {
		return err
	}
	files, err := selfFiles()
	if err != nil {
		return fmt.Errorf("built-in image %s: %w", name, err)
	}
	if err := writeArchive(ctx, w, files); err != nil {
		return fmt.Errorf("write built-in image %s: %w", name, err)
	}
	return nil
}

func known(name string) error {
	if name == AutoResult {
		return nil
	}
	return fmt.Errorf("no built-in image %q: the only one is builtin:%s: %w", name, AutoResult, executor.ErrImageNotFound)
}
