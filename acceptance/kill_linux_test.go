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
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
)

const (
	killSteps  = 5
	killRounds = 20
)

// Every step writes its name into a file of the host before it does anything
// else, and has a result. So the file tells what was executed, in which order.
const killScript = `/bin/busybox grep -o '"step_name":"[a-z0-9]*"' /run/kog/context.json | /bin/busybox head -n 1 >> /count/log
/bin/busybox sleep 0.05
echo 'KOG:{"result":"success","message":"done"}'`

// kog is killed at random moments, and so is whoever goes on. In the end every
// step was executed once, in its order, and nothing is left.
func TestKillAndGoOn(t *testing.T) {
	dir := t.TempDir()
	archive := busyboxImage(t, dir, killScript)
	k := &killer{t: t, dir: dir, job: filepath.Join(dir, "job.yaml"), seed: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))}
	if err := os.WriteFile(k.job, []byte(killJob(archive)), 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	k.round(0, false) // unpacks the image, and says how long a run takes
	k.typical = time.Since(began)
	for n := 1; n <= killRounds; n++ {
		k.round(n, true)
	}
	t.Logf("%d kills in %d runs", k.kills, killRounds)
	if k.kills < killRounds/2 {
		t.Errorf("only %d kills: the test does not test", k.kills)
	}
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

func killJob(archive string) string {
	var y strings.Builder
	y.WriteString("name: kill\nworkflows:\n  run:\n    start: {action: a, success: s1}\n")
	for i := 1; i < killSteps; i++ {
		next := fmt.Sprintf(", success: s%d", i+1)
		if i == killSteps-1 {
			next = ""
		}
		fmt.Fprintf(&y, "    s%d: {action: a%s}\n", i, next)
	}
	fmt.Fprintf(&y, "actions: {a: {image: 'docker-archive:%s'}}\n", archive)
	return y.String()
}

type killer struct {
	t        *testing.T
	dir, job string
	seed     *rand.Rand
	typical  time.Duration
	kills    int
}

// round takes one run to its end, over any number of dead processes.
func (k *killer) round(n int, kill bool) {
	k.t.Helper()
	state := filepath.Join(k.dir, "state")
	count := filepath.Join(k.dir, fmt.Sprintf("count-%d", n))
	if err := os.Mkdir(count, 0o700); err != nil {
		k.t.Fatal(err)
	}
	id := fmt.Sprintf("kill-%d", n)
	fresh := []string{"kog", "run", "-f", k.job, "--state-dir", state, "--run-id", id, "--executor", "native", "--output", "quiet", "--volume", count + ":/count"}
	argv := fresh
	for try := 0; ; try++ {
		code, output := k.process(argv, kill && try < 4)
		if code == 0 {
			break
		}
		switch code {
		case 4:
			argv = fresh // it died before the run began
		case -1:
			argv = []string{"resume", state, id}
		default:
			k.t.Fatalf("round %d: %s: return code %d\n%s", n, argv[0], code, output)
		}
	}
	log, err := os.ReadFile(filepath.Join(count, "log"))
	if err != nil {
		k.t.Fatal(err)
	}
	want := "\"step_name\":\"start\"\n"
	for i := 1; i < killSteps; i++ {
		want += fmt.Sprintf("\"step_name\":\"s%d\"\n", i)
	}
	if string(log) != want {
		k.t.Errorf("round %d executed\n%swant\n%s", n, log, want)
	}
	left, err := filepath.Glob(filepath.Join(state, "native", "containers", "[a-z]*"))
	if err != nil || len(left) > 0 {
		k.t.Errorf("round %d left %v, %v", n, left, err)
	}
}

// process runs one process, and kills it at a random moment; -1 means that it
// was killed.
func (k *killer) process(argv []string, kill bool) (code int, output string) {
	k.t.Helper()
	path, err := exec.LookPath(argv[0])
	if err != nil {
		k.t.Fatal(err)
	}
	cmd := exec.Command(path, argv[1:]...)
	var buf bytes.Buffer
	cmd.Stdout, cmd.Stderr = &buf, &buf
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	if kill {
		moment := time.Duration(k.seed.Int64N(int64(k.typical)))
		timer := time.AfterFunc(moment, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	err = cmd.Wait()
	if err == nil {
		return 0, buf.String()
	}
	if code = cmd.ProcessState.ExitCode(); code == -1 {
		k.kills++
	}
	return code, buf.String()
}
