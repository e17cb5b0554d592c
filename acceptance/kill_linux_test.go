package acceptance

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/docker"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
	"gitlab.com/f5-pwe/kog/v3/executor/kube"
	"gitlab.com/f5-pwe/kog/v3/executor/native"
)

// killing is how often, and how much at once, runs are killed on an executor.
type killing struct {
	steps, rounds, kills, atOnce int
}

var killings = map[string]killing{
	native.Name:       {steps: 5, rounds: 20, kills: 4, atOnce: 1},
	docker.Name:       {steps: 2, rounds: 200, kills: 2, atOnce: 4},
	"moby":            {steps: 2, rounds: 20, kills: 2, atOnce: 4},
	docker.PodmanName: {steps: 2, rounds: 20, kills: 2, atOnce: 2},
	kube.Name:         {steps: 2, rounds: 20, kills: 2, atOnce: 4},
}

// Every step writes its name into a file of the host before it does anything
// else, and has a result. So the file tells what was executed, in which order.
const killScript = `/bin/busybox grep -o '"step_name":"[a-z0-9]*"' /run/kog/context.json | /bin/busybox head -n 1 >> /count/log
/bin/busybox sleep 0.05
echo 'KOG:{"result":"success","message":"done"}'`

// kog is killed at random moments, and so is whoever goes on. In the end every
// step was executed once, in its order, and nothing is left.
func TestKillAndGoOn(t *testing.T) {
	onWorlds(t, func(t *testing.T, w world) {
		dir := t.TempDir()
		image := w.image(t, busyboxImage(t, dir, killScript))
		k := &killer{
			t: t, world: w, killing: killings[w.title], dir: dir, job: filepath.Join(dir, "job.yaml"),
			moment: rand.N[time.Duration],
		}
		if err := os.WriteFile(k.job, []byte(killJob(image, k.steps)), 0o600); err != nil {
			t.Fatal(err)
		}
		k.round(0, false) // unpacks the image
		k.round(1, false) // says how long a run takes
		numbers := make(chan int)
		var workers sync.WaitGroup
		for range k.atOnce {
			workers.Go(func() {
				for n := range numbers {
					k.round(n, true)
				}
			})
		}
		for n := range k.rounds {
			numbers <- n + 2
		}
		close(numbers)
		workers.Wait()
		t.Logf("%d kills in %d runs", k.dead.Load(), k.rounds)
		if k.dead.Load() < int64(k.rounds/2) {
			t.Errorf("only %d kills: the test does not test", k.dead.Load())
		}
		for _, left := range w.left(t) {
			t.Errorf("left behind: %s", left)
		}
	})
}

// busyboxImage makes an image that runs a script, and returns its archive.
func busyboxImage(t *testing.T, dir, script string) string {
	t.Helper()
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		executortest.Unavailable(t, "native", "needs busybox-static: "+err.Error())
	}
	archive := filepath.Join(dir, "image.tar")
	f, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	err = executortest.WriteArchive(f, executortest.Image{
		Tag: "script:1",
		Config: executor.ImageConfig{
			Entrypoint: []string{"/bin/busybox", "sh", "-c", script},
			Env:        map[string]string{"KOG_ENV_CONTEXT": "true"},
		},
		Files: []executortest.ImageFile{{Path: "/bin/busybox", Data: busybox, Mode: 0o755}},
	})
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return archive
}

func killJob(image string, steps int) string {
	var y strings.Builder
	y.WriteString("name: kill\nworkflows:\n  run:\n    start: {action: a, success: s1}\n")
	for i := 1; i < steps; i++ {
		next := fmt.Sprintf(", success: s%d", i+1)
		if i == steps-1 {
			next = ""
		}
		fmt.Fprintf(&y, "    s%d: {action: a%s}\n", i, next)
	}
	fmt.Fprintf(&y, "actions: {a: {image: '%s'}}\n", image)
	return y.String()
}

type killer struct {
	t *testing.T
	world
	killing
	dir, job string
	moment   func(time.Duration) time.Duration
	typical  atomic.Int64 // how long the last whole run took, of those that nothing killed
	dead     atomic.Int64
}

// round takes one run to its end, over any number of dead processes.
func (k *killer) round(n int, kill bool) {
	state := filepath.Join(k.dir, "state")
	count := filepath.Join(k.dir, fmt.Sprintf("count-%d", n))
	if err := os.Mkdir(count, 0o700); err != nil {
		k.t.Error(err)
		return
	}
	id := fmt.Sprintf("kill-%d", n)
	fresh := []string{"kog", "run", "-f", k.job, "--state-dir", state, "--run-id", id, "--executor", k.name, "--output", "quiet", "--volume", count + ":/count"}
	argv := fresh
	for try := 0; ; try++ {
		began := time.Now()
		code, output := k.process(argv, kill && try < k.kills)
		if code == 0 {
			if try == 0 {
				k.typical.Store(int64(time.Since(began)))
			}
			break
		}
		switch code {
		case 4:
			argv = fresh // it died before the run began
		case -1:
			argv = []string{"resume", k.name, state, id}
		default:
			k.t.Errorf("round %d: %s: return code %d\n%s", n, argv[0], code, output)
			return
		}
	}
	log, err := os.ReadFile(filepath.Join(count, "log"))
	if err != nil {
		k.t.Error(err)
		return
	}
	want := "\"step_name\":\"start\"\n"
	for i := 1; i < k.steps; i++ {
		want += fmt.Sprintf("\"step_name\":\"s%d\"\n", i)
	}
	if string(log) != want {
		k.t.Errorf("round %d executed\n%swant\n%s", n, log, want)
	}
}

// process runs one process, and kills it at a random moment; -1 means that it
// was killed.
func (k *killer) process(argv []string, kill bool) (code int, output string) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return 125, err.Error()
	}
	cmd := exec.Command(path, argv[1:]...)
	cmd.Env = k.environ()
	var buf bytes.Buffer
	cmd.Stdout, cmd.Stderr = &buf, &buf
	if err := cmd.Start(); err != nil {
		return 125, err.Error()
	}
	if kill {
		timer := time.AfterFunc(k.moment(time.Duration(k.typical.Load())), func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	err = cmd.Wait()
	if err == nil {
		return 0, buf.String()
	}
	if code = cmd.ProcessState.ExitCode(); code == -1 {
		k.dead.Add(1)
	}
	return code, buf.String()
}
