package docker_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/docker"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
)

// engine is one kind of engine that tests run on.
type engine struct {
	// title is what the tests call it, name what its executor is called.
	title, name string
	// variable holds where it listens.
	variable string
	make     func(docker.Options) (*docker.Executor, error)
	// skip names subtests of the contract that the engine cannot pass here, and
	// why.
	skip func(testing.TB, engine) map[string]string
}

var engines = []engine{
	{docker.Name, docker.Name, "KOG_TEST_DOCKER", docker.New, skipOnDocker},
	{"moby", docker.Name, "KOG_TEST_MOBY", docker.New, skipOnDocker}, // the newest Docker
	{docker.PodmanName, docker.PodmanName, "KOG_TEST_PODMAN", docker.NewPodman, skipOnPodman},
}

// skipOnDocker: Docker gives all capabilities that there are, also those that
// this machine's root does not have.
func skipOnDocker(t testing.TB, _ engine) map[string]string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	last, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(last)))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(status), fmt.Sprintf("CapBnd:\t%016x\n", uint64(1)<<(n+1)-1)) {
		return nil
	}
	const why = "root has not all capabilities on this machine, and Docker does not start a container that is to have them"
	return map[string]string{"isolation/all capabilities": why, "isolation/privileged": why}
}

// skipOnPodman: what watches the memory of Podman's containers does not see
// control groups of version 1 on a host with both.
func skipOnPodman(t testing.TB, e engine) map[string]string {
	result, err := e.api(t).Info(t.Context(), client.InfoOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if result.Info.CgroupVersion == "2" {
		return nil
	}
	return map[string]string{"exit/out of memory": "conmon does not see it on a host with control groups of version 1"}
}

// onEngines runs a test on each engine that is there.
func onEngines(t *testing.T, test func(t *testing.T, e engine)) {
	for _, e := range engines {
		t.Run(e.title, func(t *testing.T) {
			e.needs(t)
			test(t, e)
		})
	}
}

// onEngine runs a test on one of them.
func onEngine(t *testing.T, title string, test func(t *testing.T, e engine)) {
	i := slices.IndexFunc(engines, func(e engine) bool { return e.title == title })
	engines[i].needs(t)
	test(t, engines[i])
}

// needs skips a test where the engine is not.
func (e engine) needs(t *testing.T) {
	t.Helper()
	if e.host() == "" {
		executortest.Unavailable(t, e.title, e.variable+" does not say where the engine listens; scripts/engines.sh starts one")
	}
}

func (e engine) host() string { return os.Getenv(e.variable) }

func (e engine) executor(t testing.TB) *docker.Executor {
	t.Helper()
	x, err := e.make(docker.Options{Host: e.host(), Builtin: images{}})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// api is the engine's own interface, to look behind the executor.
func (e engine) api(t testing.TB) *client.Client {
	t.Helper()
	c, err := client.New(client.WithHost(e.host()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// load gives an archive to the engine and removes the image at the test's end.
func (e engine) load(t testing.TB, archive string) string {
	t.Helper()
	img, err := e.executor(t).Resolve(t.Context(), executor.ImageRequest{Ref: "docker-archive:" + archive})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := cleanupContext(t)
		defer cancel()
		_, err := e.api(t).ImageRemove(ctx, img.Pinned, client.ImageRemoveOptions{Force: true, PruneChildren: true})
		if err != nil {
			t.Errorf("remove image: %v", err)
		}
	})
	return img.Pinned
}

// runPrefix begins the names of what whole runs have on the engine, which other
// tests may execute at the same time.
const runPrefix = "kog-"

// leftovers are all containers and volumes that tests of executors have left.
func (e engine) leftovers(t testing.TB) []string {
	t.Helper()
	ctx, cancel := cleanupContext(t)
	defer cancel()
	api := e.api(t)
	containers, err := api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", "io.kog.role")})
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, c := range containers.Items {
		if name := strings.TrimPrefix(c.Names[0], "/"); !strings.HasPrefix(name, runPrefix) {
			left = append(left, "container "+name)
		}
	}
	volumes, err := api.VolumeList(ctx, client.VolumeListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range volumes.Items {
		if !strings.HasPrefix(v.Name, runPrefix) {
			left = append(left, "volume "+v.Name)
		}
	}
	return left
}

// cleanupContext outlives t.Context, which has ended when clean-ups run.
func cleanupContext(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
}

func TestContract(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		executortest.Run(t, executortest.Config{
			Name: e.title,
			New:  func(t *testing.T) executor.Executor { return e.executor(t) },
			Load: func(t *testing.T, img executortest.Image) string { return e.load(t, img.Archive) },
			NewProcess: func(t *testing.T) *exec.Cmd {
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), serveVariable+"="+e.title)
				return cmd
			},
			Leftovers:        func(t *testing.T) []string { return e.leftovers(t) },
			IgnoreGoroutines: []string{"net/http.(*persistConn)"},
			Skip:             e.skip(t, e),
		})
	})
}
