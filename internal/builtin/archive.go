package builtin

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strings"

	"gitlab.com/f5-pwe/kog/v3/action"
)

// libraryDir is where the image keeps the libraries of a binary that is not
// static.
const libraryDir = "lib/auto-result"

// file is one entry of the layer: a directory (name ends with a slash), data,
// or the copy of a file of this machine.
type file struct {
	name string
	mode int64
	data string
	// source is the path to copy, size its length.
	source string
	size   int64
}

// baseFiles are in the image whatever the binary is.
func baseFiles() []file {
	return []file{
		{name: "etc/", mode: 0o755},
		{name: "etc/group", mode: 0o644, data: "root:x:0:\nnogroup:x:65534:\n"},
		{name: "etc/passwd", mode: 0o644, data: "root:x:0:0:root:/:/\nnobody:x:65534:65534:nobody:/:/\n"},
		{name: "run/", mode: 0o755},
		{name: "tmp/", mode: 0o1777},
	}
}

// withParents puts the directories before the files that need them, each once.
func withParents(files []file) []file {
	seen := map[string]bool{}
	var out []file
	var need func(dir string)
	need = func(dir string) {
		if dir == "." || seen[dir] {
			return
		}
		need(path.Dir(dir))
		seen[dir] = true
		out = append(out, file{name: dir + "/", mode: 0o755})
	}
	for _, f := range files {
		name := strings.TrimSuffix(f.name, "/")
		need(path.Dir(name))
		if !seen[name] {
			seen[name] = true
			out = append(out, f)
		}
	}
	return out
}

// writeArchive writes the docker-archive. The layer comes first: its digest
// stands in the configuration, and is known once it has been written.
func writeArchive(ctx context.Context, w io.Writer, self []file) error {
	files := withParents(append(baseFiles(), self...))
	out := tar.NewWriter(w)
	if err := out.WriteHeader(header(file{name: "layer.tar", mode: 0o644, size: layerSize(files)})); err != nil {
		return err
	}
	hash := sha256.New()
	if err := writeLayer(ctx, io.MultiWriter(out, hash), files); err != nil {
		return err
	}
	config, err := json.Marshal(imageConfig(fmt.Sprintf("sha256:%x", hash.Sum(nil)), files))
	if err != nil {
		return fmt.Errorf("encode config: %w", err)
	}
	const manifest = `[{"Config":"config.json","RepoTags":null,"Layers":["layer.tar"]}]`
	for _, f := range []file{
		{name: "config.json", mode: 0o644, data: string(config)},
		{name: "manifest.json", mode: 0o644, data: manifest},
	} {
		if err := writeFile(ctx, out, f); err != nil {
			return err
		}
	}
	return out.Close()
}

func writeLayer(ctx context.Context, w io.Writer, files []file) error {
	layer := tar.NewWriter(w)
	for _, f := range files {
		if err := writeFile(ctx, layer, f); err != nil {
			return err
		}
	}
	return layer.Close()
}

func writeFile(ctx context.Context, w *tar.Writer, f file) error {
	if err := w.WriteHeader(header(f)); err != nil {
		return err
	}
	var from io.Reader = strings.NewReader(f.data)
	if f.source != "" {
		src, err := os.Open(f.source)
		if err != nil {
			return err
		}
		defer func() { _ = src.Close() }()
		from = src
	}
	untilDone := readerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return from.Read(p)
	})
	if _, err := io.Copy(w, untilDone); err != nil {
		return fmt.Errorf("copy %s: %w", f.name, err)
	}
	return nil
}

// header has no times and no names of owners: the same files give the same
// bytes everywhere.
func header(f file) *tar.Header {
	h := &tar.Header{Name: f.name, Mode: f.mode, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR, Size: f.size}
	if f.data != "" {
		h.Size = int64(len(f.data))
	}
	if strings.HasSuffix(f.name, "/") {
		h.Typeflag = tar.TypeDir
	}
	return h
}

// layerSize is what writeLayer will write: a header of 512 bytes and whole
// blocks of 512 bytes for each file, and two empty blocks.
// Source of the rule: POSIX.1-2017, pax, "ustar Interchange Format".
func layerSize(files []file) int64 {
	const block = 512
	size := int64(2 * block)
	for _, f := range files {
		size += block + (header(f).Size+block-1)/block*block
	}
	return size
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// config is the part of an OCI image configuration that the image needs.
type config struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Config       struct {
		Env        []string
		Entrypoint []string
		WorkingDir string
	} `json:"config"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

func imageConfig(diffID string, files []file) config {
	c := config{Architecture: runtime.GOARCH, OS: "linux"}
	c.Config.Env = []string{
		"PATH=/",
		action.EnvDeclared + "=true",
		action.EnvContextFile + "=" + action.DefaultContextFile,
	}
	for _, f := range files {
		if f.name == libraryDir+"/" {
			c.Config.Env = append(c.Config.Env, "LD_LIBRARY_PATH=/"+libraryDir)
		}
	}
	c.Config.Entrypoint = []string{"/" + AutoResult}
	c.Config.WorkingDir = "/"
	c.RootFS.Type, c.RootFS.DiffIDs = "layers", []string{diffID}
	return c
}
