//go:build linux

package main

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The output that is measured: copies of one file of text lines, 1 GiB in all.
const (
	textSize   = 64 << 20
	textCopies = 16
	lineSize   = 64
)

const ordinaryLine = "an ordinary line of output, 64 bytes long with its newline.....\n"

// output compares 1 GiB through kog to its log file with runc writing straight
// into a file.
func (b *bench) output() error {
	rootfs := b.path("rootfs")
	if err := makeRootfs(rootfs, textSize/lineSize); err != nil {
		return err
	}
	args := printText()
	archive := b.path("image.tar")
	if err := makeArchive(archive, rootfs, args); err != nil {
		return err
	}
	job := b.path("output.yaml")
	if err := os.WriteFile(job, []byte(outputJob(archive)), 0o600); err != nil {
		return err
	}
	bundle, err := b.bundle("output", rootfs, args)
	if err != nil {
		return err
	}
	state := b.path("state")
	commands := []command{
		{name: "kog, to its log file", argv: []string{b.kog, "run", "-f", job, "--executor", "native", "--output", "quiet", "--state-dir", state}},
		{name: "runc run > file", argv: []string{"runc", "run", "--bundle", bundle, "bench-output"}, out: b.path("runc.out")},
	}
	between := func() error {
		if err := os.RemoveAll(filepath.Join(state, "runs")); err != nil {
			return err
		}
		return os.RemoveAll(b.path("runc.out"))
	}
	samples, err := alternate(max(3, b.rounds/2), between, commands...)
	if err != nil {
		return err
	}
	report("1 GiB of output", 1, commands, samples)
	const mb = float64(textSize) * textCopies / 1e6
	var peak int64
	for _, s := range samples[0] {
		peak = max(peak, s.maxRSS)
	}
	fmt.Printf("  kog %.0f MB/s, runc %.0f MB/s, speed ratio %.2f, peak memory of kog %.1f MB\n",
		mb/median(walls(samples[0])), mb/median(walls(samples[1])), median(ratios(samples[1], samples[0])), float64(peak)/1e6)
	return nil
}

// printText is the command that prints the text, and a result.
func printText() []string {
	script := fmt.Sprintf("for i in $(/bin/busybox seq %d); do /bin/busybox cat /text; done; echo; echo 'KOG:{\"result\":\"success\"}'", textCopies)
	return []string{"/bin/busybox", "sh", "-c", script}
}

// outputJob runs the image of an archive once.
func outputJob(archive string) string {
	return fmt.Sprintf("name: output\nworkflows: {run: {start: {action: a}}}\nactions: {a: {image: 'docker-archive:%s'}}\n", archive)
}

// makeBusybox puts busybox into a folder.
func makeBusybox(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o700); err != nil {
		return err
	}
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return fmt.Errorf("%w (apt-get install busybox-static)", err)
	}
	return os.WriteFile(filepath.Join(dir, "bin", "busybox"), busybox, 0o700) //nolint:gosec // it has to be executable
}

// makeRootfs puts busybox and a text of so many lines into a folder.
func makeRootfs(dir string, lines int) error {
	if err := makeBusybox(dir); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "text"))
	if err != nil {
		return err
	}
	// In pieces: a process that is started counts its parent's memory as its own peak.
	const most = 1 << 10
	for ; lines > 0; lines -= most {
		if _, err := f.WriteString(strings.Repeat(ordinaryLine, min(lines, most))); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}

// makeArchive writes the folder as an image of one layer.
func makeArchive(file, rootfs string, args []string) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	layer := file + ".layer"
	if err := tarFolder(layer, rootfs); err != nil {
		return err
	}
	digest, err := sha256File(layer)
	if err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"os": "linux", "architecture": goarch,
		"config": map[string]any{"Entrypoint": args, "Env": []string{"KOG_ENV_CONTEXT=true"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + digest}},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{"bench:1"}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	tw := tar.NewWriter(f)
	for name, data := range map[string][]byte{"config.json": config, "manifest.json": manifest} {
		if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
			return err
		}
		if _, err := tw.Write(data); err != nil {
			return err
		}
	}
	if err := addFile(tw, "layer.tar", layer, 0o644); err != nil {
		return err
	}
	return tw.Close()
}
