package docker

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"
)

// noSettings takes away all that could say where an engine is, and gives a home
// of its own.
func noSettings(t *testing.T) (home string) {
	t.Helper()
	for _, name := range []string{
		"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH",
		"DOCKER_API_VERSION", "DOCKER_AUTH_CONFIG", "CONTAINER_HOST", "CONTAINER_SSHKEY", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
	} {
		t.Setenv(name, "")
	}
	home = t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	return home
}

// chooseContext writes a docker configuration with a current context.
func chooseContext(t *testing.T, dir, name string) {
	t.Helper()
	text, err := json.Marshal(map[string]string{"currentContext": name})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// createContext makes a context with the docker command.
func createContext(t *testing.T, dir, name, endpoint string) {
	t.Helper()
	docker, err := exec.LookPath("docker")
	if err != nil {
		t.Skip("there is no docker command")
	}
	cmd := exec.Command(docker, "--config", dir, "context", "create", name, "--docker", endpoint)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("docker context create: %v: %s", err, out)
	}
}

func hostOf(t *testing.T, find func(string) (endpoint, error), host string) string {
	t.Helper()
	at, err := find(host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.New(at.options...); err != nil {
		t.Fatal(err)
	}
	return at.host
}

func TestFindDockerGoesByTheRulesOfTheDockerCommand(t *testing.T) {
	home := noSettings(t)
	dir := filepath.Join(home, ".docker")
	createContext(t, dir, "chosen", "host=unix:///chosen.sock")
	createContext(t, dir, "named", "host=tcp://named:2375")
	elsewhere := t.TempDir()
	createContext(t, elsewhere, "chosen", "host=unix:///elsewhere.sock")
	chooseContext(t, elsewhere, "chosen")

	// Each line outdoes those before it.
	for _, step := range []struct {
		what, variable, value, want string
	}{
		{"current context", "", "", "unix:///chosen.sock"},
		{"another configuration", "DOCKER_CONFIG", elsewhere, "unix:///elsewhere.sock"},
		{"the usual configuration", "DOCKER_CONFIG", "", "unix:///chosen.sock"},
		{"named context", "DOCKER_CONTEXT", "named", "tcp://named:2375"},
		{"context default is no context", "DOCKER_CONTEXT", "default", defaultDocker(client.DefaultDockerHost, home)},
		{"named context again", "DOCKER_CONTEXT", "named", "tcp://named:2375"},
		{"host", "DOCKER_HOST", "unix:///host.sock", "unix:///host.sock"},
	} {
		if step.variable == "" {
			chooseContext(t, dir, "chosen")
		} else {
			t.Setenv(step.variable, step.value)
		}
		if got := hostOf(t, findDocker, ""); got != step.want {
			t.Errorf("%s: found %s, want %s", step.what, got, step.want)
		}
	}
	if got := hostOf(t, findDocker, "unix:///given.sock"); got != "unix:///given.sock" {
		t.Errorf("found %s, want the host that is given", got)
	}
}

func TestFindDockerReadsHosts(t *testing.T) {
	for _, test := range []struct{ host, want string }{
		{"/a/b.sock", "unix:///a/b.sock"},
		{"unix:///a/b.sock", "unix:///a/b.sock"},
		{"tcp://10.0.0.1:4000", "tcp://10.0.0.1:4000"},
		{"tcp://10.0.0.1", "tcp://10.0.0.1:2375"},
		{"10.0.0.1:4000", "tcp://10.0.0.1:4000"},
		{"ssh://me@there:2222", "ssh://me@there:2222"},
	} {
		t.Run(test.host, func(t *testing.T) {
			noSettings(t)
			t.Setenv("DOCKER_HOST", test.host)
			if got := hostOf(t, findDocker, ""); got != test.want {
				t.Errorf("found %s, want %s", got, test.want)
			}
		})
	}
}

func TestFindRefusesHosts(t *testing.T) {
	noSettings(t)
	for name, find := range map[string]func(string) (endpoint, error){"docker": findDocker, "podman": findPodman} {
		for _, host := range []string{
			"ftp://there", "ssh://", "ssh://me:passw0rd@there", "ssh://me:passw0rd@there?x=y", "ssh://me:passw0rd@there:x", "tcp://a://b",
		} {
			at, err := find(host)
			if err == nil {
				_, err = client.New(at.options...)
			}
			if err == nil && (name == "docker" || strings.HasPrefix(host, "ssh:")) {
				t.Errorf("%s: host %s is not refused", name, host)
			}
			if err != nil && strings.Contains(err.Error(), "passw0rd") || strings.Contains(at.host, "passw0rd") {
				t.Errorf("%s: the password is shown: %s, %v", name, at.host, err)
			}
		}
	}
}

func TestFindDockerContextMistakes(t *testing.T) {
	home := noSettings(t)
	t.Setenv("DOCKER_CONTEXT", "absent")
	_, err := findDocker("")
	if err == nil || !strings.Contains(err.Error(), `context "absent"`) || !strings.Contains(err.Error(), "docker context ls") {
		t.Errorf("unknown context: %v", err)
	}
	t.Setenv("DOCKER_CONTEXT", "")
	dir := filepath.Join(home, ".docker")
	chooseContext(t, dir, "x")
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := findDocker(""); err == nil || !strings.Contains(err.Error(), "docker configuration") {
		t.Errorf("broken configuration: %v", err)
	}
}

func TestFindDockerDefaultSockets(t *testing.T) {
	home := noSettings(t)
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	system := "unix://" + filepath.Join(dir, "system.sock")
	desktop := filepath.Join(home, ".docker", "run", "docker.sock")
	if got := defaultDocker(system, home); got != system {
		t.Errorf("no socket at all: %s, want %s", got, system)
	}
	// Each is preferred to those before it.
	for _, path := range []string{desktop, filepath.Join(dir, "docker.sock"), filepath.Join(dir, "system.sock")} {
		listen(t, path)
		if got := defaultDocker(system, home); got != "unix://"+path {
			t.Errorf("found %s, want %s", got, path)
		}
	}
	t.Setenv("XDG_RUNTIME_DIR", "")
	if got := ownSocket("docker.sock"); !strings.HasPrefix(got, "unix:///run/user/") {
		t.Errorf("own socket without XDG_RUNTIME_DIR: %s", got)
	}
	if got := defaultDocker("npipe:////./pipe/docker_engine", home); !strings.HasPrefix(got, "npipe:") {
		t.Errorf("found %s, want the named pipe", got)
	}
}

func TestFindPodman(t *testing.T) {
	noSettings(t)
	if _, err := os.Stat("/run/podman/podman.sock"); err == nil {
		t.Skip("this machine has a Podman service of its own")
	}
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	first := "unix:///run/podman/podman.sock"
	own := "unix://" + filepath.Join(dir, "podman", "podman.sock")
	if os.Geteuid() > 0 {
		first = own
	}
	if got := hostOf(t, findPodman, ""); got != first {
		t.Errorf("no socket: found %s, want %s", got, first)
	}
	listen(t, strings.TrimPrefix(own, "unix://"))
	if got := hostOf(t, findPodman, ""); got != own {
		t.Errorf("found %s, want %s", got, own)
	}
	for host, want := range map[string]string{
		"unix:///a.sock": "unix:///a.sock", "/b.sock": "unix:///b.sock", "tcp://10.0.0.1:8080": "tcp://10.0.0.1:8080",
		"ssh://me@there:22/run/podman/podman.sock": "ssh://me@there:22/run/podman/podman.sock", "ssh://there": "ssh://there",
	} {
		t.Setenv("CONTAINER_HOST", host)
		if got := hostOf(t, findPodman, ""); got != want {
			t.Errorf("CONTAINER_HOST: found %s, want %s", got, want)
		}
	}
	if got := hostOf(t, findPodman, "unix:///given.sock"); got != "unix:///given.sock" {
		t.Errorf("found %s, want the host that is given", got)
	}
}

// listen makes a socket.
func listen(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
}
