//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// engine is what the containers of a comparison run on.
type engine struct {
	// title is for the report, name that of the executor.
	title, name string
	// given says where it listens; told tells kog, and the command is Docker's
	// for all.
	given, told string
}

var engines = []engine{
	{"docker", "docker", "KOG_TEST_DOCKER", "DOCKER_HOST"},
	{"moby", "docker", "KOG_TEST_MOBY", "DOCKER_HOST"}, // the newest Docker
	{"podman", "podman", "KOG_TEST_PODMAN", "CONTAINER_HOST"},
}

// each calls a measurement for each engine that is there.
func (b *bench) each(measure func(e engine, env []string) error) error {
	for _, e := range engines {
		host := os.Getenv(e.given)
		if host == "" {
			fmt.Printf("\n%s: %s is not set, scripts/engines.sh sets it\n", e.title, e.given)
			continue
		}
		env := []string{e.told + "=" + host, "DOCKER_HOST=" + host}
		speaks := exec.Command("docker", "version")
		speaks.Env = append(os.Environ(), env...)
		if out, err := speaks.CombinedOutput(); err != nil {
			fmt.Printf("\n%s: docker's command does not speak to it: %v: %s\n", e.title, err, bytes.TrimSpace(out))
			continue
		}
		if err := measure(e, env); err != nil {
			return fmt.Errorf("%s: %w", e.title, err)
		}
	}
	return nil
}

// engineSteps compares a job of ten trivial steps with a loop of docker run, of
// the same image on the same engine: with a network for each, with one for all,
// and with none.
func (b *bench) engineSteps() error {
	job, err := b.tenSteps(trivial)
	if err != nil {
		return err
	}
	return b.each(func(e engine, env []string) error {
		kog := func(network string) command {
			argv := []string{b.kog, "run", "-f", job, "--executor", e.name, "--output", "quiet", "--state-dir", b.path("state")}
			if network != "" {
				argv = append(argv, "--network", network)
			}
			return command{name: "kog, network " + or(network, "for each step"), argv: argv, env: env}
		}
		if _, err := kog("").once(); err != nil {
			return err
		}
		image, err := builtinImage(env)
		if err != nil {
			return err
		}
		loop := func(name, flags string) command {
			script := fmt.Sprintf("i=0; while [ $i -lt %d ]; do docker run --rm -e KOG_CONTEXT=e30= %s %s >/dev/null || exit 1; i=$((i+1)); done", steps, flags, image)
			return command{name: name, argv: []string{"sh", "-c", script}, env: env}
		}
		commands := []command{
			loop("docker run --rm", ""), kog(""), kog("run"),
			loop("docker run --rm --network none", "--network none"), kog("none"),
		}
		samples, err := alternate(b.rounds, nil, commands...)
		if err != nil {
			return err
		}
		report(fmt.Sprintf("%s: a trivial step, of %d in a row", e.title, steps), steps, commands, samples)
		var cpu []float64
		for _, s := range samples[1] {
			cpu = append(cpu, s.cpu.Seconds()*1000)
		}
		fmt.Printf("  CPU time of kog for the job: %.0f ms\n", median(cpu))
		return nil
	})
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// builtinImage is the engine's name for the image that kog has given to it.
func builtinImage(env []string) (string, error) {
	cmd := exec.Command("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "builtin.kog.invalid/auto-result")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("docker images: %w", err)
	}
	image, _, _ := strings.Cut(string(out), "\n")
	if image == "" {
		return "", fmt.Errorf("the engine does not have the built-in image")
	}
	return image, nil
}

// engineOutput compares 1 GiB of text through kog to its log file with docker
// run writing into a file.
func (b *bench) engineOutput() error {
	rootfs := b.path("rootfs")
	if err := makeRootfs(rootfs, textSize/lineSize); err != nil {
		return err
	}
	archive, job := b.path("image.tar"), b.path("output.yaml")
	if err := makeArchive(archive, rootfs, printText()); err != nil {
		return err
	}
	if err := os.WriteFile(job, []byte(outputJob(archive)), 0o600); err != nil {
		return err
	}
	return b.each(func(e engine, env []string) error {
		state := b.path("state")
		kog := command{name: "kog, to its log file", env: env, argv: []string{
			b.kog, "run", "-f", job, "--executor", e.name, "--output", "quiet", "--state-dir", state,
		}}
		if _, err := kog.once(); err != nil {
			return err
		}
		commands := []command{
			{name: "docker run --rm > file", argv: []string{"docker", "run", "--rm", "bench:1"}, out: b.path("docker.out"), env: env},
			kog,
		}
		between := func() error { return os.RemoveAll(filepath.Join(state, "runs")) }
		samples, err := alternate(max(3, b.rounds/3), between, commands...)
		if err != nil {
			return err
		}
		report(e.title+": 1 GiB of output", 1, commands, samples)
		return nil
	})
}
