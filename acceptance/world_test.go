package acceptance

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/docker"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
	"gitlab.com/f5-pwe/kog/v3/executor/native"
	"gitlab.com/f5-pwe/kog/v3/internal/builtin"
)

// world is an executor with its engine.
type world struct {
	name string
	// given is the variable by which the tests learn where the engine listens,
	// told the one by which kog does. Both are empty where there is no engine.
	given, told string
	// at is where the engine listens, if not there.
	at string
}

var worlds = []world{
	{name: native.Name},
	{name: docker.Name, given: "KOG_TEST_DOCKER", told: "DOCKER_HOST"},
	{name: docker.PodmanName, given: "KOG_TEST_PODMAN", told: "CONTAINER_HOST"},
}

// onWorlds runs a test with each executor whose engine is there.
func onWorlds(t *testing.T, test func(t *testing.T, w world)) {
	for _, w := range worlds {
		t.Run(w.name, func(t *testing.T) {
			if w.given != "" && w.host() == "" {
				executortest.Unavailable(t, w.name, w.given+" does not say where the engine listens; scripts/engines.sh starts one")
			}
			test(t, w)
		})
	}
}

func (w world) host() string { return cmp.Or(w.at, os.Getenv(w.given)) }

// onEngines is onWorlds for those that have an engine.
func onEngines(t *testing.T, test func(t *testing.T, w world)) {
	onWorlds(t, func(t *testing.T, w world) {
		if w.given == "" {
			t.Skip("there is no engine between kog and its containers")
		}
		test(t, w)
	})
}

// environ is the environment in which kog finds the engine.
func (w world) environ() []string {
	if w.told == "" {
		return os.Environ()
	}
	return append(os.Environ(), w.told+"="+w.host())
}

// executor makes one on the world's engine.
func (w world) executor() (*docker.Executor, error) {
	o := docker.Options{Host: w.host(), Builtin: builtin.Images{}}
	if w.name == docker.PodmanName {
		return docker.NewPodman(o)
	}
	return docker.New(o)
}

// newExecutor makes an executor as the command does.
func newExecutor(name, stateDir string) (executor.Executor, error) {
	switch name {
	case docker.Name:
		return docker.New(docker.Options{Builtin: builtin.Images{}})
	case docker.PodmanName:
		return docker.NewPodman(docker.Options{Builtin: builtin.Images{}})
	case native.Name:
		return native.New(native.Options{Dir: filepath.Join(stateDir, native.Name), Builtin: builtin.Images{}})
	}
	return nil, fmt.Errorf("no executor %s", name)
}

func (w world) client(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.New(client.WithHost(w.host()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// runPrefix begins the names of whatever a run has on an engine, where other
// tests may be at work.
const runPrefix = "kog-"

// left lists what the engine has of runs. What the native executor leaves is in
// the test's own folder.
func (w world) left(t *testing.T) []string {
	t.Helper()
	if w.given == "" {
		found, err := filepath.Glob(filepath.Join(t.TempDir(), "..", "*", "state", native.Name, "containers", "[a-z]*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	c, ctx := w.client(t), t.Context()
	var left []string
	containers, err := c.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", "io.kog.role")})
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range containers.Items {
		if name := strings.TrimPrefix(found.Names[0], "/"); strings.HasPrefix(name, runPrefix) {
			left = append(left, "container "+name)
		}
	}
	volumes, err := c.VolumeList(ctx, client.VolumeListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range volumes.Items {
		if strings.HasPrefix(v.Name, runPrefix) {
			left = append(left, "volume "+v.Name)
		}
	}
	return left
}

// removesImage removes the image of an archive from the engine when the test
// has ended.
func (w world) removesImage(t *testing.T, archive string) {
	if w.given == "" || w.at != "" {
		return // the image is in a folder of the test
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		exec, err := w.executor()
		if err != nil {
			t.Error(err)
			return
		}
		img, err := exec.Resolve(ctx, executor.ImageRequest{Ref: "docker-archive:" + archive})
		if err == nil {
			_, err = w.client(t).ImageRemove(ctx, img.Pinned, client.ImageRemoveOptions{Force: true, PruneChildren: true})
		}
		if err != nil {
			t.Errorf("remove the image: %v", err)
		}
	})
}
