package acceptance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/docker"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
	"gitlab.com/f5-pwe/kog/v3/internal/builtin"
)

// waitScript counts its executions, says so, and ends when it is let go: with a
// result, or with code 5 and none when it is asked to end.
const waitScript = `trap 'exit 5' TERM
echo x >> /count/log
echo begun
while [ ! -e /count/go ]; do /bin/busybox sleep 0.05; done
echo 'KOG:{"result":"success","message":"done"}'`

const waitJob = `
name: faults
workflows:
  run:
    start: {action: waits, success: after, failure: after, abort: after}
    after: {action: rests}
actions:
  waits: {image: 'IMAGE'}
  rests: {image: 'BUILTIN'}
`

// daemon is a Docker engine of a test's own, which may be killed.
type daemon struct {
	t *testing.T
	// programs is where its programs are, empty for those that are installed.
	programs, dir string
	cmd           *exec.Cmd
}

// onDockers runs a test with the programs of each Docker engine that is there.
func onDockers(t *testing.T, test func(t *testing.T, programs string)) {
	t.Run(docker.Name, func(t *testing.T) {
		_, err := exec.LookPath("dockerd")
		needsDaemon(t, docker.Name, err == nil)
		test(t, "")
	})
	t.Run("moby", func(t *testing.T) {
		programs := os.Getenv("KOG_MOBY")
		needsDaemon(t, "moby", programs != "")
		test(t, programs)
	})
}

func needsDaemon(t *testing.T, name string, there bool) {
	t.Helper()
	if !there || os.Geteuid() != 0 {
		executortest.Unavailable(t, name, "needs its dockerd and root, to start an engine of its own")
	}
}

// newDaemon starts an engine of some programs in a folder, with some settings in
// its configuration. It has no network, and a place of its own to have none in:
// it would take away the bridge of another one.
func newDaemon(t *testing.T, programs, dir, config string) *daemon {
	t.Helper()
	d := &daemon{t: t, programs: programs, dir: dir}
	if err := os.WriteFile(filepath.Join(dir, "docker.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.clean)
	d.start()
	return d
}

func (d *daemon) socket() string { return filepath.Join(d.dir, "docker.sock") }

func (d *daemon) world() world {
	return world{title: docker.Name, name: docker.Name, given: "KOG_TEST_DOCKER", told: "DOCKER_HOST", at: "unix://" + d.socket()}
}

func (d *daemon) start() {
	d.t.Helper()
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		// After a kill the first one may give up: what the killed one has left
		// is in its way for a while.
		if d.cmd == nil || d.ended() {
			d.cmd = exec.Command("unshare", "--net", "../scripts/dockerd.sh", d.dir, "docker", "--bridge", "none", "--iptables=false")
			if d.programs != "" {
				d.cmd.Env = append(os.Environ(), "PATH="+d.programs+":"+os.Getenv("PATH"))
			}
			d.cmd.Stdout, d.cmd.Stderr = log, log
			if err := d.cmd.Start(); err != nil {
				d.t.Fatal(err)
			}
		}
		c, err := client.New(client.WithHost(d.world().host()))
		if err != nil {
			d.t.Fatal(err)
		}
		_, err = c.Ping(d.t.Context(), client.PingOptions{})
		_ = c.Close()
		if err == nil {
			return
		}
	}
	words, _ := os.ReadFile(filepath.Join(d.dir, "log"))
	d.t.Fatalf("dockerd does not start:\n%s", words[max(0, len(words)-2000):])
}

// ended reports whether the engine has ended, and reaps it then.
func (d *daemon) ended() bool {
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(d.cmd.Process.Pid, &status, syscall.WNOHANG, nil)
	return err != nil || pid == d.cmd.Process.Pid
}

// end ends the engine with a signal.
func (d *daemon) end(sig syscall.Signal) {
	_ = d.cmd.Process.Signal(sig) // it may have ended
	_, _ = d.cmd.Process.Wait()
	d.cmd = nil
}

// clean ends the engine, and whatever a killed one has left.
func (d *daemon) clean() {
	if d.cmd != nil {
		d.end(syscall.SIGTERM)
	}
	for range 100 {
		left, _ := exec.Command("pkill", "--full", d.dir+"/").CombinedOutput()
		if len(left) == 0 && exec.Command("pgrep", "--full", d.dir+"/").Run() != nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		d.t.Error(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if at := strings.Fields(line)[4]; strings.HasPrefix(at, d.dir+"/") {
			_ = syscall.Unmount(at, syscall.MNT_DETACH) // one may have gone with another
		}
	}
}

// waiting is a kog whose step waits to be let go.
type waiting struct {
	t      *testing.T
	cmd    *exec.Cmd
	state  string
	count  string
	out    bytes.Buffer
	exited chan struct{}
}

func startWaiting(t *testing.T, w world) *waiting {
	t.Helper()
	dir := t.TempDir()
	image := w.image(t, busyboxImage(t, dir, waitScript))
	job := filepath.Join(dir, "job.yaml")
	text := strings.NewReplacer("IMAGE", image, "BUILTIN", w.builtin(t)).Replace(waitJob)
	if err := os.WriteFile(job, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	k := &waiting{t: t, state: filepath.Join(dir, "state"), count: filepath.Join(dir, "count"), exited: make(chan struct{})}
	if err := os.Mkdir(k.count, 0o700); err != nil {
		t.Fatal(err)
	}
	k.cmd = w.command(t, "kog", "run", "-f", job, "--state-dir", k.state, "--run-id", "waiting", "--executor", w.name, "--volume", k.count+":/count")
	k.cmd.Stdout, k.cmd.Stderr = &k.out, &k.out
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(k.exited); _ = k.cmd.Wait() }()
	t.Cleanup(func() { _ = k.cmd.Process.Kill(); <-k.exited })
	k.until("the step's execution", func() bool { return exists(filepath.Join(k.count, "log")) && k.journal("step_started") })
	return k
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func (k *waiting) journal(words string) bool {
	data, err := os.ReadFile(filepath.Join(k.state, "runs", "waiting", "events.ndjson"))
	return err == nil && bytes.Contains(data, []byte(words))
}

func (k *waiting) until(what string, is func() bool) {
	k.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if is() {
			return
		}
		select {
		case <-k.exited:
			k.t.Fatalf("kog has ended before %s\n%s", what, &k.out)
		default:
		}
	}
	k.t.Fatalf("no sign of %s within two minutes", what)
}

func (k *waiting) letGo() {
	k.t.Helper()
	if err := os.WriteFile(filepath.Join(k.count, "go"), nil, 0o600); err != nil {
		k.t.Fatal(err)
	}
}

// want waits for kog's end, and checks that the step was executed once.
func (k *waiting) want(code int, words string) {
	k.t.Helper()
	k.wantOneOf(map[int]string{code: words})
}

// wantOneOf is want with several return codes, each with its words.
func (k *waiting) wantOneOf(ends map[int]string) {
	k.t.Helper()
	<-k.exited
	got := k.cmd.ProcessState.ExitCode()
	if words, ok := ends[got]; !ok || !strings.Contains(k.out.String(), words) {
		k.t.Errorf("return code %d, want one of %v\n%s", got, ends, &k.out)
	}
	if log, err := os.ReadFile(filepath.Join(k.count, "log")); err != nil || string(log) != "x\n" {
		k.t.Errorf("the step was executed so often: %q, %v", log, err)
	}
}

func wantNothingLeft(t *testing.T, w world) {
	t.Helper()
	for _, left := range w.left(t) {
		t.Errorf("left behind: %s", left)
	}
}

// The engine is replaced in mid-step. One that keeps its containers makes no
// difference; one that does not ends the step, and that is told.
func TestEngineRestarts(t *testing.T) {
	onDockers(t, func(t *testing.T, programs string) {
		for _, keeps := range []bool{false, true} {
			for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
				t.Run(fmt.Sprintf("%s, keeps containers %t", sig, keeps), func(t *testing.T) {
					t.Parallel()
					engineRestarts(t, programs, keeps, sig)
				})
			}
		}
	})
}

func engineRestarts(t *testing.T, programs string, keeps bool, sig syscall.Signal) {
	d := newDaemon(t, programs, shortDir(t), fmt.Sprintf(`{"live-restore": %t}`, keeps))
	k := startWaiting(t, d.world())
	d.end(sig)
	d.start()
	switch {
	case keeps:
		k.letGo()
		k.want(0, `"status":"success"`)
	case sig == syscall.SIGKILL:
		k.want(1, "the engine went away while it ran, exit code 5")
	default: // it has stopped the container first, as anybody could
		k.want(1, "exit code 5")
	}
	wantNothingLeft(t, d.world())
	if t.Failed() {
		j, _ := os.ReadFile(filepath.Join(k.state, "runs", "waiting", "events.ndjson"))
		t.Logf("%s\n%s", j, &k.out)
	}
}

// The engine's disk is full in mid-run: the next step cannot be started, and
// even so everything is removed.
func TestEngineDiskFull(t *testing.T) { onDockers(t, engineDiskFull) }

func engineDiskFull(t *testing.T, programs string) {
	dir := filepath.Join(shortDir(t), "full")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	// The driver that copies, since tmpfs is not what others work on: as a storage
	// of its own, and as containerd's.
	size, driver := "64m", "vfs"
	if programs != "" {
		size, driver = "256m", "native"
	}
	if err := syscall.Mount("kog-test", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	d := newDaemon(t, programs, dir, fmt.Sprintf(`{"storage-driver": %q}`, driver))
	k := startWaiting(t, d.world())
	fill, err := os.Create(filepath.Join(dir, "fill"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(fill, zeros{})
	_ = fill.Close()
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	k.letGo()
	k.want(2, "no space left on device")
	wantNothingLeft(t, d.world())
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Somebody removes the container in mid-step. It is killed first: whether kog
// sees that end or finds it gone already is a matter of moments. It is a success
// in no case, and nothing is executed again.
func TestRemovedByHand(t *testing.T) {
	onEngines(t, func(t *testing.T, w world) {
		k := startWaiting(t, w)
		c := w.client(t)
		if _, err := c.ContainerRemove(t.Context(), "kog-waiting-1", client.ContainerRemoveOptions{Force: true}); err != nil {
			t.Fatal(err)
		}
		k.wantOneOf(map[int]string{2: "the container is gone, its result is unknown", 1: "action printed no KOG: result (exit code 137)"})
		wantNothingLeft(t, w)
	})
}

// hasBuiltin gives the built-in image to the engine, as an earlier run does.
func (w world) hasBuiltin(t *testing.T) {
	t.Helper()
	exec, err := w.executor()
	if err == nil {
		_, err = exec.Resolve(t.Context(), executor.ImageRequest{Ref: "builtin:" + builtin.AutoResult})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// builtinTag is the engine's name for the built-in image of this program.
func builtinTag(t *testing.T) string {
	t.Helper()
	key, err := builtin.Images{}.Key(builtin.AutoResult)
	if err != nil {
		t.Fatal(err)
	}
	return "builtin.kog.invalid/" + builtin.AutoResult + ":" + key[:16]
}

// Somebody removes the image of a later step in mid-run.
func TestImageRemovedByHand(t *testing.T) {
	onEngines(t, func(t *testing.T, w world) {
		k := startWaiting(t, w)
		c := w.client(t)
		w.hasBuiltin(t)
		if _, err := c.ImageRemove(t.Context(), builtinTag(t), client.ImageRemoveOptions{}); err != nil {
			t.Fatal(err)
		}
		k.letGo()
		k.want(0, `"status":"success"`) // it comes with kog, and is given to the engine again
		wantNothingLeft(t, w)
	})
}

// The connection to the engine breaks off again and again, also in the middle
// of the output.
func TestConnectionsCut(t *testing.T) {
	onEngines(t, func(t *testing.T, w world) {
		p := newCutter(t, "unix", filepath.Join(shortDir(t), "cut.sock"), strings.TrimPrefix(w.host(), "unix://"))
		far := w
		far.at = "unix://" + p.address
		k := startWaiting(t, far)
		for range 10 {
			p.cutAll()
			time.Sleep(100 * time.Millisecond) // let it connect again
		}
		k.letGo()
		k.want(0, `"status":"success"`)
		wantNothingLeft(t, w)
	})
}

// cutter stands between kog and the engine.
type cutter struct {
	address string // where it listens
	mu      sync.Mutex
	open    map[net.Conn]bool
}

func newCutter(t *testing.T, network, address, engine string) *cutter {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{address: l.Addr().String(), open: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial(network, engine)
			if err != nil {
				_ = near.Close()
				continue
			}
			c.mu.Lock()
			c.open[near], c.open[far] = true, true
			c.mu.Unlock()
			all.Go(func() { pipe(far, near) })
			all.Go(func() { pipe(near, far) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		c.cutAll()
		all.Wait()
	})
	return c
}

// pipe copies one direction, and passes its end on.
func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// cutAll returns how many connections there were, of which each has two ends.
func (c *cutter) cutAll() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.open) / 2
	for conn := range c.open {
		_ = conn.Close()
	}
	clear(c.open)
	return n
}

// shortDir is a folder whose path leaves room for the name of a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kogt-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
