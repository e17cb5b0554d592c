package docker

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/api/pkg/authconfig"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// authFile writes credentials, each with the user as password too.
func authFile(t *testing.T, path string, users map[string]string) {
	t.Helper()
	var entries []string
	for key, user := range users {
		entries = append(entries, fmt.Sprintf("%q:{%q:%q}", key, "auth", base64.StdEncoding.EncodeToString([]byte(user+":"+user))))
	}
	write(t, path, `{"auths":{`+strings.Join(entries, ",")+`}}`)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// userFor is who a registry is told to be; empty means nobody.
func userFor(t *testing.T, ref string) string {
	t.Helper()
	encoded, err := credentials(ref)
	if err != nil {
		t.Fatal(err)
	}
	if encoded == "" {
		return ""
	}
	auth, err := authconfig.Decode(encoded)
	if err != nil {
		t.Fatal(err)
	}
	if auth.Username != auth.Password {
		t.Errorf("the password is not that of %s", auth.Username)
	}
	return auth.Username
}

func TestCredentialsOrder(t *testing.T) {
	home := noSettings(t)
	const ref = "r.example.com/a/b/c:1"
	t.Setenv("XDG_CONFIG_HOME", "")
	// Each is preferred to those before it.
	for _, step := range []struct{ file, key, user string }{
		{".config/containers/auth.json", "r.example.com", "kept"},
		{"run/containers/auth.json", "r.example.com", "registry"},
		{"run/containers/auth.json", "r.example.com/a", "namespace"},
		{"run/containers/auth.json", "r.example.com/a/b/c", "repository"},
		{".docker/config.json", "r.example.com", "docker"},
		{"elsewhere/config.json", "r.example.com", "elsewhere"},
	} {
		t.Setenv("XDG_RUNTIME_DIR", filepath.Join(home, "run"))
		if strings.HasPrefix(step.file, "elsewhere") {
			t.Setenv("DOCKER_CONFIG", filepath.Join(home, "elsewhere"))
		}
		users := map[string]string{step.key: step.user}
		if step.key != "r.example.com" {
			users["r.example.com"] = "registry"
		}
		authFile(t, filepath.Join(home, filepath.FromSlash(step.file)), users)
		if got := userFor(t, ref); got != step.user {
			t.Errorf("with %s of %s: %q, want %q", step.key, step.file, got, step.user)
		}
	}
	if got := userFor(t, "other.example.com/a:1"); got != "" {
		t.Errorf("another registry is told to be %q", got)
	}
}

func TestCredentialsOfOneFile(t *testing.T) {
	home := noSettings(t)
	authFile(t, filepath.Join(home, ".config", "containers", "auth.json"), map[string]string{"r.example.com": "kept"})
	given := filepath.Join(home, "given.json")
	authFile(t, given, map[string]string{"docker.io": "hub", "docker.io/some": "some", "r.example.com:5000": "port"})
	t.Setenv("REGISTRY_AUTH_FILE", given)
	for ref, want := range map[string]string{
		"x:1": "hub", "some/x:1": "some", "docker.io/some/x:1": "some", "r.example.com:5000/x:1": "port", "r.example.com/x:1": "",
	} {
		if got := userFor(t, ref); got != want {
			t.Errorf("%s: %q, want %q", ref, got, want)
		}
	}
}

func TestCredentialsForDockerHub(t *testing.T) {
	home := noSettings(t)
	authFile(t, filepath.Join(home, ".docker", "config.json"), map[string]string{"https://index.docker.io/v1/": "hub"})
	if got := userFor(t, "x:1"); got != "hub" {
		t.Errorf("%q, want those of docker login", got)
	}
}

func TestCredentialsIdentityToken(t *testing.T) {
	home := noSettings(t)
	write(t, filepath.Join(home, ".docker", "config.json"), `{"auths":{"r.example.com":{"identitytoken":"t0ken"}}}`)
	encoded, err := credentials("r.example.com/x:1")
	if err != nil {
		t.Fatal(err)
	}
	auth, err := authconfig.Decode(encoded)
	if err != nil || auth.IdentityToken != "t0ken" || auth.ServerAddress != "r.example.com" {
		t.Errorf("%+v, %v; want the token", auth, err)
	}
}

func TestCredentialsMistakes(t *testing.T) {
	home := noSettings(t)
	if _, err := credentials("UPPER/x"); !errors.Is(err, executor.ErrImageNotFound) {
		t.Errorf("no reference: %v", err)
	}
	broken := filepath.Join(home, "broken.json")
	write(t, broken, `{"auths":{"r.example.com":{"auth":"passw0rd`)
	t.Setenv("REGISTRY_AUTH_FILE", broken)
	_, err := credentials("r.example.com/x:1")
	if err == nil || !strings.Contains(err.Error(), broken) || strings.Contains(err.Error(), "passw0rd") {
		t.Errorf("broken file: %v", err)
	}
	t.Setenv("REGISTRY_AUTH_FILE", home) // a folder
	if _, err := credentials("r.example.com/x:1"); err == nil {
		t.Error("a folder is no file of credentials, and nobody says so")
	}
	t.Setenv("REGISTRY_AUTH_FILE", filepath.Join(home, "absent.json"))
	if got := userFor(t, "r.example.com/x:1"); got != "" {
		t.Errorf("an absent file says %q", got)
	}
}
