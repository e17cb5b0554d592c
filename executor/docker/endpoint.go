package docker

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/connhelper"
	"github.com/docker/cli/cli/connhelper/ssh"
	clicontext "github.com/docker/cli/cli/context"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/cli/opts"
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
	dir := dockerDir()
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
	home, _ := os.UserHomeDir() // without one there is no Docker Desktop
	return fromVariables(defaultDocker(client.DefaultDockerHost, home), dir)
}

// defaultDocker is the system's socket, else one of those of rootless engines
// and of Docker Desktop.
func defaultDocker(system, home string) string {
	return firstSocket(system, ownSocket("docker.sock"), "unix://"+filepath.Join(home, ".docker", "run", "docker.sock"))
}

// ownSocket is a socket in the folder that a user has for such things.
// Source of the rule: XDG Base Directory Specification, pam_systemd(8).
func ownSocket(name ...string) string {
	dir := cmp.Or(os.Getenv("XDG_RUNTIME_DIR"), filepath.Join("/run/user", strconv.Itoa(os.Getuid())))
	return "unix://" + filepath.Join(dir, filepath.Join(name...))
}

// withScheme makes a path the address of a socket.
func withScheme(host string) string {
	if strings.HasPrefix(host, "/") {
		return "unix://" + host
	}
	return host
}

// fromVariables reaches a host with what DOCKER_TLS_VERIFY, DOCKER_TLS and
// DOCKER_CERT_PATH say.
func fromVariables(host, dir string) (endpoint, error) {
	verify := os.Getenv("DOCKER_TLS_VERIFY") != ""
	secure := verify || os.Getenv("DOCKER_TLS") != ""
	parsed, err := opts.ParseHost(secure, withScheme(host))
	if err != nil {
		return endpoint{}, fmt.Errorf("docker host %s: want unix://, tcp://, ssh:// or npipe://: %w", shown(host), reason(err))
	}
	at := docker.Endpoint{EndpointMeta: docker.EndpointMeta{Host: parsed}}
	if secure {
		certs := cmp.Or(os.Getenv("DOCKER_CERT_PATH"), dir)
		at.SkipTLSVerify = !verify
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
		return endpoint{}, fmt.Errorf("host %s: %w", shown(at.Host), reason(err))
	}
	return endpoint{host: shown(at.Host), options: options}, nil
}

// reason is an error without the address that it is about, which may have a
// password in it.
func reason(err error) error {
	var about *url.Error
	if errors.As(err, &about) {
		return about.Err
	}
	return err
}

// shown is a host as messages may have it: without a password.
func shown(host string) string {
	if u, err := url.Parse(host); err == nil {
		return u.Redacted()
	}
	scheme, rest, _ := strings.Cut(host, "://")
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		return scheme + "://" + rest[at+1:]
	}
	return host
}

// findPodman looks where Podman's service listens.
// Source of the rules: podman-system-service(1), podman-remote(1).
func findPodman(host string) (endpoint, error) {
	if host = cmp.Or(host, os.Getenv("CONTAINER_HOST")); host == "" {
		system, own := "unix:///run/podman/podman.sock", ownSocket("podman", "podman.sock")
		if os.Geteuid() > 0 {
			system, own = own, system
		}
		host = firstSocket(system, own)
	}
	if strings.HasPrefix(host, "ssh://") {
		return podmanOverSSH(host)
	}
	return newEndpoint(docker.Endpoint{EndpointMeta: docker.EndpointMeta{Host: withScheme(host)}})
}

// podmanOverSSH reaches Podman's service through the system's ssh command, with
// Podman's own relay at the far end. Without a path that looks for the socket.
func podmanOverSSH(host string) (endpoint, error) {
	far, err := ssh.ParseURL(host)
	if err != nil {
		return endpoint{}, fmt.Errorf("host %s: %w", shown(host), err)
	}
	flags := []string{"-T", "-o", "ConnectTimeout=30"}
	if key := os.Getenv("CONTAINER_SSHKEY"); key != "" {
		flags = append(flags, "-i", key)
	}
	relay := []string{"podman", "system", "dial-stdio"}
	if strings.Trim(far.Path, "/") != "" {
		relay = []string{"podman", "--url", "unix://" + far.Path, "system", "dial-stdio"}
	}
	args, err := far.Command(flags, relay...)
	if err != nil {
		return endpoint{}, fmt.Errorf("host %s: %w", shown(host), err)
	}
	through, err := connhelper.GetCommandConnectionHelper("ssh", args...)
	if err != nil {
		return endpoint{}, fmt.Errorf("host %s: %w", shown(host), err)
	}
	return endpoint{host: shown(host), options: []client.Opt{
		client.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: through.Dialer}}),
		client.WithHost(through.Host),
		client.WithDialContext(through.Dialer),
		client.WithAPIVersionFromEnv(),
	}}, nil
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
