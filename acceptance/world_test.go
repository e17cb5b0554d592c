package acceptance

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/docker"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
	"gitlab.com/f5-pwe/kog/v3/executor/kube"
	"gitlab.com/f5-pwe/kog/v3/executor/native"
	"gitlab.com/f5-pwe/kog/v3/internal/builtin"
)

// world is an executor with its engine.
type world struct {
	// title is what the tests call it, name what its executor is called.
	title, name string
	// given is the variable by which the tests learn where the engine listens,
	// told the one by which kog does. Both are empty where there is no engine.
	given, told string
	// at is where the engine listens, if not there, or a cluster's file.
	at string
	// within is the network namespace in which the engine is, if not here.
	within string
}

var worlds = []world{
	{title: native.Name, name: native.Name},
	{title: docker.Name, name: docker.Name, given: "KOG_TEST_DOCKER", told: "DOCKER_HOST"},
	{title: "moby", name: docker.Name, given: "KOG_TEST_MOBY", told: "DOCKER_HOST"}, // the newest Docker
	{title: docker.PodmanName, name: docker.PodmanName, given: "KOG_TEST_PODMAN", told: "CONTAINER_HOST"},
	{title: kube.Name, name: kube.Name, given: "KOG_TEST_KUBE", told: "KUBECONFIG", at: os.Getenv("KUBECONFIG")},
}

// onWorlds runs a test with each executor whose engine is there.
func onWorlds(t *testing.T, test func(t *testing.T, w world)) {
	for _, w := range worlds {
		t.Run(w.title, func(t *testing.T) {
			w.needs(t)
			test(t, w)
		})
	}
}

// needs skips a test where the engine is not.
func (w world) needs(t *testing.T) {
	t.Helper()
	if w.given != "" && os.Getenv(w.given) == "" {
		executortest.Unavailable(t, w.title, w.given+" does not say that there is an engine; scripts/engines.sh starts one")
	}
}

func (w world) docker() bool { return w.name == docker.Name || w.name == docker.PodmanName }

func (w world) host() string { return cmp.Or(w.at, os.Getenv(w.given)) }

// onEngines is onWorlds for those that have an engine with Docker's API.
func onEngines(t *testing.T, test func(t *testing.T, w world)) {
	onWorlds(t, func(t *testing.T, w world) {
		if !w.docker() {
			t.Skip("there is no such engine between kog and its containers")
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

// command is a program that finds the engine.
func (w world) command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	if w.within != "" {
		cmd = exec.Command("nsenter", append([]string{"--net=" + w.within, path}, args...)...)
	}
	cmd.Env = w.environ()
	return cmd
}

// builtin is how a job names kog's own image.
func (w world) builtin(t *testing.T) string {
	t.Helper()
	if w.name == kube.Name {
		return w.builtinOnNode(t)
	}
	return "builtin:" + builtin.AutoResult
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
		return docker.New(docker.Options{Dir: filepath.Join(stateDir, "files"), Builtin: builtin.Images{}})
	case docker.PodmanName:
		return docker.NewPodman(docker.Options{Dir: filepath.Join(stateDir, "files"), Builtin: builtin.Images{}})
	case native.Name:
		return native.New(native.Options{Dir: filepath.Join(stateDir, native.Name), Builtin: builtin.Images{}})
	case kube.Name:
		return kube.New(kube.Options{})
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
	switch w.name {
	case kube.Name:
		return w.leftOnCluster(t)
	case native.Name:
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

// image gives the image of an archive to the world, until the test has ended,
// and returns how a job names it.
func (w world) image(t *testing.T, archive string) string {
	t.Helper()
	ref := "docker-archive:" + archive
	switch {
	case w.name == kube.Name:
		return w.imageOnNode(t, archive)
	case w.docker() && w.at == "": // else the image is in a folder of the test
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
			defer cancel()
			exec, err := w.executor()
			if err != nil {
				t.Error(err)
				return
			}
			img, err := exec.Resolve(ctx, executor.ImageRequest{Ref: ref})
			if err == nil {
				_, err = w.client(t).ImageRemove(ctx, img.Pinned, client.ImageRemoveOptions{Force: true, PruneChildren: true})
			}
			if err != nil {
				t.Errorf("remove the image: %v", err)
			}
		})
	}
	return ref
}
