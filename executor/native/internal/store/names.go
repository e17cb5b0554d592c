package store

import (
	"errors"
	"path"
	"strings"
)

// The marks of the image format.
// Source: OCI Image Specification 1.1, "Image Layer Filesystem Changeset".
const (
	whiteoutPrefix = ".wh."
	opaqueMark     = ".wh..wh..opq"
	// reservedPrefix begins names that only aufs itself used.
	reservedPrefix = ".wh..wh."
)

var (
	errEscapes  = errors.New("the name leads out of the layer")
	errReserved = errors.New("names that begin with .wh. are marks of removed files")
)

// cleanName makes an entry's name relative to the layer, "." for its root.
// skip is true for the bookkeeping of aufs, which means nothing elsewhere.
func cleanName(name string) (clean string, skip bool, err error) {
	clean = path.Clean(strings.TrimLeft(name, "/"))
	if clean == ".." || strings.HasPrefix(clean, "../") {
		return "", false, errEscapes
	}
	dir, base := path.Split(clean)
	for part := range strings.SplitSeq(dir, "/") {
		switch {
		case strings.HasPrefix(part, reservedPrefix):
			return clean, true, nil
		case strings.HasPrefix(part, whiteoutPrefix):
			return "", false, errReserved
		}
	}
	return clean, strings.HasPrefix(base, reservedPrefix) && base != opaqueMark, nil
}

// removedName is what a whiteout's base name removes; ok is false for other names.
func removedName(base string) (name string, ok bool, err error) {
	name, ok = strings.CutPrefix(base, whiteoutPrefix)
	if ok && (name == "" || name == "." || name == "..") {
		return "", true, errEscapes
	}
	return name, ok, nil
}
