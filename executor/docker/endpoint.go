package docker

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/cli/cli/config"
	clicontext "github.com/docker/cli/cli/context"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/moby/moby/client"
)

// endpoint is where an engine listens and how it is reached.
type endpoint struct {
	host    string
	options []client.Opt
}

// local reports whether the engine runs on this machine, so that paths mean
// the same for both.
func (e endpoint) local() bool { return strings.HasPrefix(e.host, "unix://") }

// findDocker goes by the rules of the docker command: DOCKER_HOST with its TLS
// variables, else a context, else the default socket, else a rootless one.
// Source of the rules: docker context reference, "DOCKER_HOST and DOCKER_CONTEXT".
func findDocker(host string) (endpoint, error) {
	dir := os.Getenv("DOCKER_CONFIG")
	if dir == "" {
		home, _ := os.UserHomeDir() // without one there are no contexts
		dir = filepath.Join(home, ".docker")
	}
	if host = cmp.Or(host, os.Getenv("DOCKER_HOST")); host != "" {
		return fromVariables(host, dir)
	}
	name := os.Getenv("DOCKER_CONTEXT")
	if name == "" {
		file, err := config.Load(dir)
		if err != nil {
			return endpoint{}, fmt.Errorf("read docker configuration: %w", err)
		}
		name = file.CurrentContext
	}
	if name != "" && name != "default" {
		return fromContext(name, filepath.Join(dir, "contexts"))
	}
	own := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "docker.sock")
	return fromVariables(firstSocket(client.DefaultDockerHost, "unix://"+own), dir)
}

// fromVariables reaches a host with what DOCKER_TLS_VERIFY, DOCKER_TLS and
// DOCKER_CERT_PATH say.
func fromVariables(host, dir string) (endpoint, error) {
	if strings.HasPrefix(host, "/") {
		host = "unix://" + host
	}
	at := docker.Endpoint{EndpointMeta: docker.EndpointMeta{Host: host}}
	verify := os.Getenv("DOCKER_TLS_VERIFY") != ""
	if verify || os.Getenv("DOCKER_TLS") != "" {
		certs := cmp.Or(os.Getenv("DOCKER_CERT_PATH"), dir)
		at.SkipTLSVerify = !verify
		var err error
		at.TLSData, err = clicontext.TLSDataFromFiles(
			existing(filepath.Join(certs, "ca.pem")), existing(filepath.Join(certs, "cert.pem")), existing(filepath.Join(certs, "key.pem")))
		if err != nil {
			return endpoint{}, fmt.Errorf("read certificates of DOCKER_CERT_PATH: %w", err)
		}
	}
	return newEndpoint(at)
}

// fromContext reaches what a docker context names, with its TLS material.
func fromContext(name, dir string) (endpoint, error) {
	contexts := store.New(dir, store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} }),
	))
	metadata, err := contexts.GetMetadata(name)
	if err != nil {
		return endpoint{}, fmt.Errorf("docker context %q: %w; 'docker context ls' lists what there is", name, err)
	}
	meta, err := docker.EndpointFromContext(metadata)
	if err != nil {
		return endpoint{}, fmt.Errorf("docker context %q: %w", name, err)
	}
	at, err := docker.WithTLSData(contexts, name, meta)
	if err != nil {
		return endpoint{}, fmt.Errorf("docker context %q: %w", name, err)
	}
	return newEndpoint(at)
}

func newEndpoint(at docker.Endpoint) (endpoint, error) {
	options, err := at.ClientOpts()
	if err != nil {
		return endpoint{}, fmt.Errorf("docker host %s: %w", at.Host, err)
	}
	return endpoint{host: at.Host, options: options}, nil
}

// findPodman looks where Podman's service listens.
// Source of the rules: podman-system-service(1), podman-remote(1).
func findPodman(host string) (endpoint, error) {
	if host = cmp.Or(host, os.Getenv("CONTAINER_HOST")); host == "" {
		system := "unix:///run/podman/podman.sock"
		own := "unix://" + filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "podman", "podman.sock")
		if os.Geteuid() > 0 {
			system, own = own, system
		}
		host = firstSocket(system, own)
	}
	return newEndpoint(docker.Endpoint{EndpointMeta: docker.EndpointMeta{Host: host}})
}

// firstSocket is the first host whose socket is there, else the first.
func firstSocket(hosts ...string) string {
	for _, host := range hosts {
		path, ok := strings.CutPrefix(host, "unix://")
		if !ok {
			return host // a named pipe: nothing to look at
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return host
		}
	}
	return hosts[0]
}

// existing is the path of a file that is there, else empty.
func existing(path string) string {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return path
}
