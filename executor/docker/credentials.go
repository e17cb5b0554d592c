package docker

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/registry"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// credentials are those for a reference's registry, as the engine wants them;
// empty when there are none.
func credentials(ref string) (string, error) {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return "", fmt.Errorf("%w: %w", err, executor.ErrImageNotFound)
	}
	host := parsed.Context().RegistryStr()
	auth, err := findCredentials(parsed.Context())
	if err != nil {
		return "", fmt.Errorf("find credentials for %s: %w", host, err)
	}
	if !says(auth) {
		return "", nil
	}
	return authconfig.Encode(registry.AuthConfig{
		Username: auth.Username, Password: auth.Password, Auth: auth.Auth,
		IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
		ServerAddress: host,
	})
}

// findCredentials looks into docker's configuration and asks its helpers, then
// into Podman's files.
// Source of the rules: docker login reference, "Credential stores";
// containers-auth.json(5).
func findCredentials(repository name.Repository) (types.AuthConfig, error) {
	file, err := config.Load(dockerDir())
	if err != nil {
		return types.AuthConfig{}, err
	}
	auth, err := file.GetAuthConfig(repository.RegistryStr())
	if err != nil || says(auth) {
		return auth, err
	}
	for _, path := range podmanAuths() {
		file, err := loadAuths(path)
		if err != nil {
			return types.AuthConfig{}, err
		}
		if auth, err = podmanAuth(file, repository); err != nil || says(auth) {
			return auth, err
		}
	}
	return types.AuthConfig{}, nil
}

// dockerDir is where the docker command has its configuration.
func dockerDir() string {
	home, _ := os.UserHomeDir() // without one there is none
	return cmp.Or(os.Getenv("DOCKER_CONFIG"), filepath.Join(home, ".docker"))
}

// podmanAuths are the files that Podman keeps credentials in, best first.
func podmanAuths() []string {
	if file := os.Getenv("REGISTRY_AUTH_FILE"); file != "" {
		return []string{file}
	}
	own := filepath.Join("/run/containers", strconv.Itoa(os.Getuid()))
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		own = filepath.Join(dir, "containers")
	}
	home, _ := os.UserHomeDir() // without one there is nothing below it
	kept := cmp.Or(os.Getenv("XDG_CONFIG_HOME"), filepath.Join(home, ".config"))
	return []string{filepath.Join(own, "auth.json"), filepath.Join(kept, "containers", "auth.json")}
}

// loadAuths reads a file of credentials, which need not be there.
func loadAuths(path string) (*configfile.ConfigFile, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return configfile.New(path), nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	file, err := config.LoadFromReader(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return file, nil
}

// podmanAuth looks for the repository, for what is above it, and for the
// registry, whose helper is asked too.
func podmanAuth(file *configfile.ConfigFile, repository name.Repository) (types.AuthConfig, error) {
	host := repository.RegistryStr()
	if host == name.DefaultRegistry {
		host = "docker.io"
	}
	for key := path.Join(host, repository.RepositoryStr()); key != "."; key = path.Dir(key) {
		if auth, ok := file.AuthConfigs[key]; ok && says(auth) {
			return auth, nil
		}
	}
	return file.GetAuthConfig(repository.RegistryStr())
}

// says reports whether there is anything to tell a registry.
func says(auth types.AuthConfig) bool {
	return strings.Join([]string{auth.Username, auth.Password, auth.Auth, auth.IdentityToken, auth.RegistryToken}, "") != ""
}
