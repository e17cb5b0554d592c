package executortest

import (
	"archive/tar"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Image is an image that the suite needs. Archive is all that an engine for
// real containers has to look at; Config and Files say the same in Go.
type Image struct {
	// Tag is the name in the archive.
	Tag string
	// Archive is the path of a tarball in the format of docker save. It exists
	// until the end of the suite.
	Archive string
	Config  executor.ImageConfig
	Files   []ImageFile
}

// ImageFile is a regular file of an image, or a directory. Those above it have
// mode 0755.
type ImageFile struct {
	Path string
	Mode fs.FileMode
	Data []byte
}

// imageMaker makes the images of the suite.
type imageMaker struct {
	dir   string
	probe []byte
}

func newImageMaker(t *testing.T) *imageMaker {
	probe, err := os.ReadFile(probePath(t))
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	return &imageMaker{dir: t.TempDir(), probe: probe}
}

// The user that the images know besides root.
const (
	userName = "tester"
	userID   = 1234
	groupID  = 2345
)

func accounts() []ImageFile {
	return []ImageFile{
		{"/etc/passwd", 0o644, fmt.Appendf(nil, "root:x:0:0:root:/root:/bin/sh\n%s:x:%d:%d::/:/bin/sh\n", userName, userID, groupID)},
		{"/etc/group", 0o644, fmt.Appendf(nil, "root:x:0:\n%s:x:%d:\ncrew:x:3456:\n", userName, groupID)},
		{"/tmp", fs.ModeDir | fs.ModeSticky | 0o777, nil},
	}
}

// plain is for most tests: its entrypoint is the probe.
func (m *imageMaker) plain() Image {
	return Image{
		Tag: "kog.test/contract/plain:1",
		Config: executor.ImageConfig{
			Env:        map[string]string{"PATH": "/usr/bin:/bin", "FROM_IMAGE": "yes", "IN_BOTH": "image"},
			Entrypoint: []string{"/probe"},
		},
		Files: append(accounts(), ImageFile{"/probe", 0o755, m.probe}, ImageFile{"/data/text", 0o644, []byte("text\n")}),
	}
}

// Plain makes the image whose entrypoint is the probe, for an executor's own
// tests. Its archive exists until the end of t.
func Plain(t *testing.T) Image {
	m := newImageMaker(t)
	return m.archive(t, m.plain())
}

// Archive writes the archive of any image. It exists until the end of t.
func Archive(t *testing.T, img Image) Image {
	m := &imageMaker{dir: t.TempDir()}
	return m.archive(t, img)
}

// settings has all that an image can set.
func (m *imageMaker) settings() Image {
	return Image{
		Tag: "kog.test/contract/settings:1",
		Config: executor.ImageConfig{
			Env:        map[string]string{"PATH": "/nowhere:/opt/bin"},
			Entrypoint: []string{"probe"}, Cmd: []string{"describe"},
			User: userName, WorkingDir: "/work/here",
		},
		Files: append(accounts(), ImageFile{"/opt/bin/probe", 0o755, m.probe}),
	}
}

// bare has no command.
func (m *imageMaker) bare() Image {
	return Image{Tag: "kog.test/contract/bare:1", Files: append(accounts(), ImageFile{"/probe", 0o755, m.probe})}
}

// archive writes the tarball of an image.
func (m *imageMaker) archive(t *testing.T, img Image) Image {
	t.Helper()
	name := strings.NewReplacer("/", "-", ":", "-").Replace(img.Tag) + ".tar"
	img.Archive = filepath.Join(m.dir, name)
	f, err := os.Create(img.Archive)
	if err != nil {
		t.Fatalf("image %s: %v", img.Tag, err)
	}
	if err := errors.Join(WriteArchive(f, img), f.Close()); err != nil {
		t.Fatalf("image %s: %v", img.Tag, err)
	}
	return img
}

// WriteArchive writes an image in the format of docker save, in two layers:
// the first holds all files but the last.
// Source of the format: Docker Image Specification v1.2.
func WriteArchive(w io.Writer, img Image) error {
	cut := max(0, len(img.Files)-1)
	var layers [][]byte
	for _, files := range [][]ImageFile{img.Files[:cut], img.Files[cut:]} {
		layer, err := layerTar(files)
		if err != nil {
			return err
		}
		layers = append(layers, layer)
	}
	config, err := configJSON(img.Config, layers)
	if err != nil {
		return err
	}
	configName := fmt.Sprintf("%x.json", sha256.Sum256(config))
	names := make([]string, len(layers))
	for i, layer := range layers {
		names[i] = fmt.Sprintf("%x/layer.tar", sha256.Sum256(layer))
	}
	manifest, err := json.Marshal([]map[string]any{{
		"Config": configName, "RepoTags": []string{img.Tag}, "Layers": names,
	}})
	if err != nil {
		return err
	}
	tw := tar.NewWriter(w)
	for i, layer := range layers {
		if err := addFile(tw, names[i], layer, 0o644); err != nil {
			return err
		}
	}
	if err := errors.Join(addFile(tw, configName, config, 0o644), addFile(tw, "manifest.json", manifest, 0o644)); err != nil {
		return err
	}
	return tw.Close()
}

func configJSON(c executor.ImageConfig, layers [][]byte) ([]byte, error) {
	var env, diffs []string
	for name, value := range c.Env {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	for _, layer := range layers {
		diffs = append(diffs, fmt.Sprintf("sha256:%x", sha256.Sum256(layer)))
	}
	return json.Marshal(map[string]any{
		"created": epoch, "os": "linux", "architecture": runtime.GOARCH,
		"config": map[string]any{
			"Env": env, "Entrypoint": c.Entrypoint, "Cmd": c.Cmd, "User": c.User, "WorkingDir": c.WorkingDir,
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
	})
}

// epoch makes equal images equal bytes.
var epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func layerTar(files []ImageFile) ([]byte, error) {
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	made := map[string]bool{"/": true}
	for _, f := range slices.SortedFunc(slices.Values(files), func(a, b ImageFile) int { return cmp.Compare(a.Path, b.Path) }) {
		if err := addParents(tw, path.Dir(f.Path), made); err != nil {
			return nil, err
		}
		name := strings.TrimPrefix(f.Path, "/")
		var err error
		if f.Mode.IsDir() {
			made[f.Path] = true
			err = addDir(tw, name, f.Mode)
		} else {
			err = addFile(tw, name, f.Data, f.Mode)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := tw.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func addParents(tw *tar.Writer, dir string, made map[string]bool) error {
	if made[dir] {
		return nil
	}
	made[dir] = true
	if err := addParents(tw, path.Dir(dir), made); err != nil {
		return err
	}
	return addDir(tw, strings.TrimPrefix(dir, "/"), 0o755)
}

func addDir(tw *tar.Writer, name string, mode fs.FileMode) error {
	bits := int64(mode.Perm())
	if mode&fs.ModeSticky != 0 {
		bits |= 0o1000
	}
	return tw.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: bits, ModTime: epoch})
}

func addFile(tw *tar.Writer, name string, data []byte, mode fs.FileMode) error {
	err := tw.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: int64(mode.Perm()), Size: int64(len(data)), ModTime: epoch,
	})
	if err != nil {
		return err
	}
	_, err = tw.Write(data)
	return err
}
