package builtin

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
)

// selfPath is the running binary, also after its file was replaced or deleted.
const selfPath = "/proc/self/exe"

// selfFiles are the files of the image that come from this machine.
func selfFiles() ([]file, error) {
	self, err := copyOf(selfPath, AutoResult)
	if err != nil {
		return nil, err
	}
	libs, err := libraries(selfPath)
	if err != nil {
		return nil, err
	}
	files := []file{self}
	if libs.loader == "" {
		return files, nil
	}
	loader, err := copyOf(libs.loader, strings.TrimPrefix(libs.loader, "/"))
	if err != nil {
		return nil, err
	}
	files = append(files, loader)
	for _, lib := range libs.found {
		f, err := copyOf(lib.path, libraryDir+"/"+lib.name)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func copyOf(source, name string) (file, error) {
	info, err := os.Stat(source)
	if err != nil {
		return file{}, err
	}
	return file{name: name, mode: 0o755, source: source, size: info.Size()}, nil
}

// selfKey changes whenever selfFiles or their content would.
func selfKey() (string, error) {
	files, err := selfFiles()
	if err != nil {
		return "", err
	}
	var key strings.Builder
	id, err := buildID(selfPath)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&key, "%s %d\n", id, files[0].size)
	for _, f := range files[1:] {
		info, err := os.Stat(f.source)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&key, "%s %d %d\n", f.source, info.Size(), info.ModTime().UnixNano())
	}
	return key.String(), nil
}

// buildID is the ID that the Go linker wrote into a binary: a hash of all that
// went into it. A binary without one gets the hash of its content.
func buildID(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	bin, err := elf.NewFile(f)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	if s := bin.Section(".note.go.buildid"); s != nil {
		note, err := s.Data()
		if err != nil {
			return "", fmt.Errorf("read build ID of %s: %w", name, err)
		}
		if id := noteText(note, bin.ByteOrder); id != "" {
			return id, nil
		}
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, io.NewSectionReader(f, 0, 1<<62)); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// noteText is the text of an ELF note of owner "Go": three words (length of
// owner, length of text, type), the owner, the text.
func noteText(note []byte, order binary.ByteOrder) string {
	const words, owner = 12, "Go\x00\x00"
	if len(note) < words+len(owner) || !bytes.HasPrefix(note[words:], []byte(owner)) {
		return ""
	}
	text := note[words+len(owner):]
	if n := order.Uint32(note[4:]); uint64(n) <= uint64(len(text)) {
		return string(text[:n])
	}
	return ""
}
