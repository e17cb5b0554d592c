package docker

import (
	"time"

	"github.com/moby/moby/api/types/container"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// flavour is what one kind of engine does in its own way.
type flavour struct {
	name string
	// title is for messages.
	title string
	// find says where the engine listens; host is empty or given by the user.
	find func(host string) (endpoint, error)
	// start says how to get the engine going, for messages.
	start string
	// logs is set for each container, so that its output can be read again from
	// the beginning and byte by byte, whatever the engine's default is.
	logs container.LogConfig
	// poll: a container's end is looked for in growing intervals up to this
	// one. Zero means that the engine tells at once.
	poll time.Duration
	// slowFollow: a stream of logs ends long after its container, so the rest
	// is asked for.
	slowFollow bool
	// announcesBefore is the API version from which on the end of a container is
	// not told before questions about it are answered; see hear.
	announcesBefore string
	// taps: whoever is attached before the start gets all output, and the stream
	// ends when the container has ended or the engine does, never otherwise.
	taps bool
	// drains: the engine sends a container's output to whoever feeds its input,
	// asked or not, and waits until it is taken.
	drains bool
	// passing are words of errors that are over when the call is made again.
	passing []string
	// mendBefore is the API version from which on the log is read right; see
	// mender.
	mendBefore string
	// endsContainers: the engine stops its containers when it ends, unless it is
	// set to keep them.
	endsContainers bool
	// refusesMissing: a mount of a host path that is missing is an error.
	refusesMissing bool
	// needsSources: a host path that is missing is not made by the engine.
	needsSources bool
	// needsWorkingDir: a working directory that is missing is not made.
	needsWorkingDir bool
	// localDigests: images that were never in a registry have digests too, so
	// having one does not mean that it can be pulled again.
	localDigests bool
	// tmpfs is an option that makes a tmpfs begin empty.
	tmpfs string
	// ignored are volume options that mean nothing to the engine, which would
	// refuse them.
	ignored []string
	// unsupported are abilities that the engine lacks or would leave out silently,
	// each with the reason.
	unsupported map[executor.Feature]string
}

func dockerFlavour() flavour {
	return flavour{
		name: Name, title: "Docker", find: findDocker,
		start: "start it with 'systemctl start docker', or set DOCKER_HOST or a docker context",
		// The local driver keeps every byte; json-file replaces what is not UTF-8.
		logs:            container.LogConfig{Type: "local", Config: map[string]string{"max-size": "1000t", "max-file": "1", "compress": "false"}},
		announcesBefore: "1.42",
		taps:            true,
		mendBefore:      "1.42",
		endsContainers:  true,
		refusesMissing:  true,
		unsupported:     lacking(nil),
	}
}

func podmanFlavour() flavour {
	return flavour{
		name: PodmanName, title: "Podman", find: findPodman,
		start:      "start it with 'systemctl start podman.socket' (with --user for your own), or set CONTAINER_HOST",
		logs:       container.LogConfig{Type: "k8s-file"},
		poll:       100 * time.Millisecond,
		slowFollow: true,
		drains:     true,
		// It ended while it was looked at, or is about to end by itself.
		passing:         []string{"no such process", "container state improper"},
		tmpfs:           "notmpcopyup",
		needsSources:    true,
		needsWorkingDir: true,
		localDigests:    true,
		ignored:         []string{"cached", "delegated", "consistent"},
		unsupported: lacking(map[executor.Feature]string{
			executor.FeatureGPUs: "Podman's Docker-compatible interface leaves GPUs out silently",
		}),
	}
}
