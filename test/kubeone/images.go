package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// pauseImage keeps a pod's namespaces. It is made here, so that nothing is pulled.
const pauseImage = "localhost/pause:1"

// ctr runs containerd's client among the images and containers of Kubernetes.
func (c *cluster) ctr(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "ctr", append([]string{"-a", c.socket(), "-n", "k8s.io"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ctr %s: %w: %s", args[0], err, out)
	}
	return nil
}

// importImages imports the pause image, localhost/busybox:1 and the archives
// that were asked for.
func (c *cluster) importImages(ctx context.Context) error {
	file := c.path("busybox.tar")
	if err := writeBusyboxImages(ctx, file, c.busybox, c.catatonit); err != nil {
		return err
	}
	for _, archive := range append([]string{file}, c.imports...) {
		if err := c.ctr(ctx, "images", "import", archive); err != nil {
			return err
		}
	}
	return nil
}

// writeBusyboxImages writes an archive, as docker save does, of two images
// with the same layer: a static busybox with all its names, and a static
// catatonit, which reaps processes where a pod shares their namespace.
func writeBusyboxImages(ctx context.Context, file, busybox, catatonit string) error {
	layer, err := busyboxLayer(ctx, busybox, catatonit)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	w := &archive{tar.NewWriter(&out), nil}
	w.file("layer.tar", layer, 0o644)
	var manifest []map[string]any
	for name, command := range map[string][]string{
		pauseImage:            {"/bin/catatonit", "-P"},
		"localhost/busybox:1": {"/bin/sh"},
	} {
		config := w.json(fmt.Sprintf("%x.json", sha256.Sum256([]byte(name))), map[string]any{
			"architecture": runtime.GOARCH, "os": "linux",
			"config": map[string]any{"Cmd": command, "Env": []string{"PATH=/bin"}},
			"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))}},
		})
		manifest = append(manifest, map[string]any{"Config": config, "RepoTags": []string{name}, "Layers": []string{"layer.tar"}})
	}
	w.json("manifest.json", manifest)
	if err := w.close(); err != nil {
		return err
	}
	return os.WriteFile(file, out.Bytes(), 0o600)
}

func busyboxLayer(ctx context.Context, busybox, catatonit string) ([]byte, error) {
	binary, err := os.ReadFile(busybox)
	if err != nil {
		return nil, err
	}
	reaper, err := os.ReadFile(catatonit)
	if err != nil {
		return nil, err
	}
	applets, err := exec.CommandContext(ctx, busybox, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --list: %w", busybox, err)
	}
	var layer bytes.Buffer
	w := &archive{tar.NewWriter(&layer), nil}
	w.entry(tar.Header{Typeflag: tar.TypeDir, Name: "bin/", Mode: 0o755}, nil)
	w.entry(tar.Header{Typeflag: tar.TypeDir, Name: "etc/", Mode: 0o755}, nil)
	w.entry(tar.Header{Typeflag: tar.TypeDir, Name: "root/", Mode: 0o700}, nil)
	w.entry(tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}, nil)
	w.file("bin/busybox", binary, 0o755)
	w.file("bin/catatonit", reaper, 0o755)
	w.file("etc/passwd", []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"), 0o644)
	w.file("etc/group", []byte("root:x:0:\nnobody:x:65534:\n"), 0o644)
	for applet := range strings.FieldsSeq(string(applets)) {
		if applet != "busybox" {
			w.entry(tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + applet, Linkname: "busybox", Mode: 0o777}, nil)
		}
	}
	err = w.close()
	return layer.Bytes(), err
}

// An archive writes a tar archive, and tells at the end what went wrong.
type archive struct {
	tar *tar.Writer
	err error
}

func (a *archive) entry(h tar.Header, content []byte) {
	h.Size = int64(len(content))
	err := a.tar.WriteHeader(&h)
	if err == nil {
		_, err = io.Copy(a.tar, bytes.NewReader(content))
	}
	a.err = errors.Join(a.err, err)
}

func (a *archive) file(name string, content []byte, mode int64) {
	a.entry(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}, content)
}

// json writes a value as a file and returns the file's name.
func (a *archive) json(name string, value any) string {
	b, err := json.Marshal(value)
	a.err = errors.Join(a.err, err)
	a.file(name, b, 0o644)
	return name
}

func (a *archive) close() error { return errors.Join(a.err, a.tar.Close()) }
