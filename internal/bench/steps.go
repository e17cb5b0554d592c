//go:build linux

package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const steps = 10

// steps compares a job of ten trivial steps with ten runs of the same root
// file system by runc, and by a bare clone into the same namespaces.
func (b *bench) steps() error {
	job, err := b.tenSteps(trivial)
	if err != nil {
		return err
	}
	kog := command{name: "kog, native executor", argv: []string{
		b.kog, "run", "-f", job, "--executor", "native", "--output", "quiet", "--state-dir", b.path("state"),
	}}
	if _, err := kog.once(); err != nil {
		return err
	}
	rootfs, err := onlyLayer(b.path("state"))
	if err != nil {
		return err
	}
	bundle, err := b.bundle("steps", rootfs, []string{"/auto-result"})
	if err != nil {
		return err
	}
	script := fmt.Sprintf("i=0; while [ $i -lt %d ]; do runc run --bundle %s bench-$$-$i >/dev/null || exit 1; i=$((i+1)); done", steps, bundle)
	clone := fmt.Sprintf("i=0; while [ $i -lt %d ]; do unshare --fork --pid --mount --ipc --uts --cgroup --root=%s /auto-result >/dev/null || exit 1; i=$((i+1)); done", steps, rootfs)
	env := []string{"KOG_CONTEXT=" + base64.StdEncoding.EncodeToString([]byte("{}"))}
	commands := []command{
		kog,
		{name: "runc run, same root file system", argv: []string{"sh", "-c", script}},
		{name: "bare clone (unshare), same", argv: []string{"sh", "-c", clone}, env: env},
	}
	samples, err := alternate(b.rounds, nil, commands...)
	if err != nil {
		return err
	}
	report(fmt.Sprintf("a trivial step, of %d in a row", steps), steps, commands, samples)
	return nil
}

// trivial is an action that does nothing, where there is the built-in image.
const trivial = "{image: 'builtin:auto-result'}"

// tenSteps writes a job whose steps all do one action.
func (b *bench) tenSteps(action string) (string, error) {
	var y strings.Builder
	y.WriteString("name: ten\nworkflows:\n  run:\n")
	for i := range steps {
		name, next := fmt.Sprintf("s%d", i), fmt.Sprintf("success: s%d", i+1)
		if i == 0 {
			name = "start"
		}
		if i == steps-1 {
			next = "duration: 1h"
		}
		fmt.Fprintf(&y, "    %s: {action: a, %s}\n", name, next)
	}
	y.WriteString("actions:\n  a: " + action + "\n")
	file := b.path("ten.yaml")
	return file, os.WriteFile(file, []byte(y.String()), 0o600)
}

// onlyLayer is the unpacked layer of the one image in a state folder.
func onlyLayer(state string) (string, error) {
	found, err := filepath.Glob(filepath.Join(state, "native", "images", "layers", "*", "auto-result"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("found %d unpacked images, want 1: %w", len(found), err)
	}
	return filepath.Dir(found[0]), nil
}

// bundle makes an OCI bundle that runs args in a root file system, set up as
// kog does it: the same namespaces, mounts and host network.
func (b *bench) bundle(name, rootfs string, args []string) (string, error) {
	dir := b.path(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	spec := command{name: "runc spec", argv: []string{"runc", "spec", "--bundle", dir}}
	if _, err := spec.once(); err != nil {
		return "", err
	}
	file := filepath.Join(dir, "config.json")
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	var config map[string]any
	if err := json.Unmarshal(data, &config); err != nil {
		return "", err
	}
	process, _ := config["process"].(map[string]any)
	process["terminal"], process["args"] = false, args
	process["env"] = []string{"PATH=/bin", "KOG_CONTEXT=" + base64.StdEncoding.EncodeToString([]byte("{}"))}
	delete(process, "rlimits")
	config["root"] = map[string]any{"path": rootfs, "readonly": false}
	linux, _ := config["linux"].(map[string]any)
	linux["namespaces"] = []map[string]string{{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "cgroup"}}
	if data, err = json.Marshal(config); err != nil {
		return "", err
	}
	return dir, os.WriteFile(file, data, 0o600)
}
