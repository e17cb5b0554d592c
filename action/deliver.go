package action

import (
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"strconv"
)

// Names of environment variables between kog and a container.
const (
	// EnvContext holds base64 of the JSON context.
	EnvContext = "KOG_CONTEXT"
	// EnvContextFile holds the path of a read-only file with the JSON context.
	// In the ENV of an image it says that the image reads that file, and where
	// it wants it.
	EnvContextFile = "KOG_CONTEXT_FILE"
	// EnvDeclared in the ENV of an image, set to true, says that the image
	// reads EnvContext and wants nothing on standard input.
	EnvDeclared = "KOG_ENV_CONTEXT"
)

// DefaultContextFile is where the context file appears in a container.
const DefaultContextFile = "/run/kog/context.json"

// maxEnvString is the longest NAME=VALUE in bytes that Linux passes to a
// program (execve(2), MAX_ARG_STRLEN less the final NUL).
const maxEnvString = 131071

// MaxEnvDocument is the longest JSON context in bytes whose base64 fits into
// one environment variable: 98,292.
const MaxEnvDocument = (maxEnvString - len(EnvContext) - 1) / 4 * 3

// ErrContextTooLarge means that an image can take its context only from the
// environment, where it does not fit.
var ErrContextTooLarge = errors.New("context too large for the environment")

// Delivery says how a context reaches a container.
type Delivery struct {
	Env map[string]string
	// Stdin is nil for images that do not read it.
	Stdin []byte
	// Path is where the file with the plain document goes.
	Path string
}

// Deliver decides how a context document reaches a container, from the ENV of
// its image; nil means that the image cannot be read, and then the environment
// is the only sure way.
//
// The file is always there. The environment carries the document as long as it
// fits (MaxEnvDocument); past that, images that declare the file or read
// standard input still run, and any other is ErrContextTooLarge.
func Deliver(doc []byte, imageEnv map[string]string) (Delivery, error) {
	d := Delivery{Env: map[string]string{}, Path: DefaultContextFile}
	want, readsFile := imageEnv[EnvContextFile]
	if readsFile && want != "" {
		if !path.IsAbs(want) || path.Clean(want) != want || want == "/" {
			return Delivery{}, fmt.Errorf("image sets %s=%q: want a clean absolute path", EnvContextFile, want)
		}
		d.Path = want
	}
	d.Env[EnvContextFile] = d.Path
	encoded := base64.StdEncoding.EncodeToString(doc)
	declared, _ := strconv.ParseBool(imageEnv[EnvDeclared])
	readsStdin := imageEnv != nil && !declared
	if readsStdin {
		d.Stdin = []byte(encoded + "\n")
	}
	switch {
	case len(doc) <= MaxEnvDocument:
		d.Env[EnvContext] = encoded
	case !readsFile && !readsStdin:
		return Delivery{}, fmt.Errorf(
			"%w: %d bytes of JSON, the limit is %d; use an image that reads the file named by %s and says so by having that variable in its ENV",
			ErrContextTooLarge, len(doc), MaxEnvDocument, EnvContextFile)
	}
	return d, nil
}
