package acceptance

import (
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
	"gitlab.com/f5-pwe/kog/v3/executor/kube"
)

// ownCluster is a cluster of a test's own, whose parts may be killed.
type ownCluster struct {
	world
	t      *testing.T
	dir    string
	cmd    *exec.Cmd
	output bytes.Buffer
	ended  chan struct{}
}

// newOwnCluster starts one in a network namespace of its own. Flags are those of
// test/kubeone besides.
func newOwnCluster(t *testing.T, flags ...string) *ownCluster {
	t.Helper()
	kubeone := os.Getenv("KOG_KUBEONE")
	if kubeone == "" || os.Geteuid() != 0 {
		executortest.Unavailable(t, kube.Name, "KOG_KUBEONE does not say with which program a cluster is started, or you are not root; scripts/engines.sh does and is")
	}
	c := &ownCluster{t: t, dir: filepath.Join(shortDir(t), "c"), ended: make(chan struct{})}
	c.world = world{name: kube.Name, given: "KOG_TEST_KUBE", told: "KUBECONFIG", at: filepath.Join(c.dir, "kubeconfig")}
	c.cmd = exec.Command("unshare", "--net", "sh", "-c", `PATH=$PATH:/usr/sbin:/sbin; ip link set lo up && exec "$0" up "$@"`, kubeone,
		"-dir", c.dir, "-containerd", filepath.Join(filepath.Dir(kubeone), "containerd"))
	c.cmd.Args = append(c.cmd.Args, flags...)
	c.cmd.Stdout, c.cmd.Stderr = &c.output, &c.output
	// It ends with this program, that is, with the thread that has started it.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	runtime.LockOSThread()
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(c.ended); _ = c.cmd.Wait() }()
	t.Cleanup(c.clean)
	c.within = "/proc/" + strconv.Itoa(c.cmd.Process.Pid) + "/ns/net"
	c.until("the cluster", func() bool { return exists(filepath.Join(c.dir, "ready")) })
	return c
}

func (c *ownCluster) clean() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	<-c.ended
	if out, err := exec.Command(os.Getenv("KOG_KUBEONE"), "down", "-dir", c.dir).CombinedOutput(); err != nil {
		c.t.Errorf("take the cluster down: %v: %s", err, out)
	}
	if c.t.Failed() {
		c.t.Logf("the cluster: %s", &c.output)
	}
}

// during lets failures be those of a subtest, until end is called.
func (c *ownCluster) during(t *testing.T) (end func()) {
	whole := c.t
	c.t = t
	return func() { c.t = whole }
}

func (c *ownCluster) until(what string, is func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if is() {
			return
		}
		select {
		case <-c.ended:
			c.t.Fatalf("the cluster has ended before %s: %s", what, &c.output)
		default:
		}
	}
	c.t.Fatalf("no sign of %s within three minutes", what)
}

func (c *ownCluster) pid(part string) int {
	text, err := os.ReadFile(filepath.Join(c.dir, "pid", part))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text))) // 0 is none
	return pid
}

// kill kills a part, and waits until it is started again.
func (c *ownCluster) kill(part string) {
	c.t.Helper()
	old := c.pid(part)
	if old == 0 {
		c.t.Fatalf("%s has no process", part)
	}
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		c.t.Fatal(err)
	}
	c.until("another "+part, func() bool { now := c.pid(part); return now != old && now != 0 })
}

func (c *ownCluster) containerdAnswers() {
	c.t.Helper()
	c.until("containerd", func() bool {
		return exec.Command("ctr", "--address", filepath.Join(c.dir, "containerd.sock"), "version").Run() == nil
	})
}

// must runs kubectl, again while the API server does not answer.
func (c *ownCluster) must(args ...string) string {
	c.t.Helper()
	var out string
	c.until("kubectl "+strings.Join(args, " "), func() bool {
		var err error
		out, err = c.kubectl(c.t, args...)
		if err != nil && !strings.Contains(err.Error(), "refused") && !strings.Contains(err.Error(), "Forbidden") {
			c.t.Fatal(err)
		}
		return err == nil
	})
	return out
}

// evict asks the cluster to take the step's pod away, as a drain of its node does.
func (c *ownCluster) evict() {
	c.t.Helper()
	pod := strings.TrimSpace(c.must("get", "pods", "--selector", "io.kog/role", "--output", "jsonpath={.items[0].metadata.name}"))
	file := filepath.Join(c.t.TempDir(), "eviction.json")
	text := `{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "` + pod + `", "namespace": "default"}}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.must("create", "--raw", "/api/v1/namespaces/default/pods/"+pod+"/eviction", "-f", file)
}

func TestClusterFaults(t *testing.T) {
	c := newOwnCluster(t)
	t.Run("in mid-step", c.faultsInMidStep)
	t.Run("before the start", c.faultsBeforeTheStart)
}

// What can happen to a step that runs. Nothing is executed twice, nothing is
// left, and none ends as if it had gone well that has not.
func (c *ownCluster) faultsInMidStep(t *testing.T) {
	const step = "io.kog/role"
	well := map[int]string{0: `"status":"success"`}
	// containerd may have missed its end, or its last words.
	unknown := map[int]string{0: well[0], 2: "its result is unknown", 1: "action printed no KOG: result (exit code 0)"}
	gone := map[int]string{2: "its result is unknown", 1: "exit code"}
	for _, fault := range []struct {
		name string
		do   func()
		goOn bool
		ends map[int]string
	}{
		{"the API server is killed", func() { c.kill("kube-apiserver") }, true, well},
		{"etcd is killed", func() { c.kill("etcd") }, true, well},
		{"the kubelet is killed", func() { c.kill("kubelet") }, true, well},
		{"containerd is killed", func() { c.kill("containerd"); c.containerdAnswers() }, true, well},
		{"containerd is killed, and the step ends meanwhile", func() { c.kill("containerd") }, true, unknown},
		{"the controllers are killed", func() { c.kill("kube-controller-manager") }, true, well},
		{"the Secrets are deleted", func() { c.must("delete", "secrets", "--selector", step) }, true, well},
		{"the pod is deleted", func() { c.must("delete", "pods", "--selector", step, "--wait=false") }, false, gone},
		{"the pod is deleted by force", func() { c.must("delete", "pods", "--selector", step, "--force", "--grace-period=0") }, false, gone},
		{"the pod is evicted", c.evict, false, gone},
		{"the Job is deleted", func() { c.must("delete", "jobs", "--selector", step, "--wait=false") }, false, gone},
	} {
		t.Run(fault.name, func(t *testing.T) {
			defer c.during(t)()
			k := startWaiting(t, c.world)
			fault.do()
			if fault.goOn {
				k.letGo()
			}
			k.wantOneOf(fault.ends)
			wantNothingLeft(t, c.world)
			if t.Failed() {
				t.Logf("%s", &k.out)
			}
		})
	}
}

// What keeps a step from being started is told while it is waited for, and is
// the reason of its abort.
func (c *ownCluster) faultsBeforeTheStart(t *testing.T) {
	for _, fault := range []struct {
		name     string
		do, undo []string
		image    string
		args     []string
		words    string
	}{
		{
			name: "no node takes pods", do: []string{"cordon", "kubeone"}, undo: []string{"uncordon", "kubeone"},
			words: "no node takes the pod",
		},
		{
			name: "a quota is full", do: []string{"create", "quota", "full", "--hard=pods=0"}, undo: []string{"delete", "quota", "full"},
			words: "exceeded quota",
		},
		{name: "the registry is away", image: "localhost:1/none:1", words: "connection refused"},
		{name: "there is no such claim", args: []string{"--volume", "no-claim:/data"}, words: `no-claim\" not found`},
		{name: "there is no such Secret", args: []string{"--volume", "secret/no-secret:/data"}, words: `no-secret\" not found`},
	} {
		t.Run(fault.name, func(t *testing.T) {
			defer c.during(t)()
			if fault.do != nil {
				c.must(fault.do...)
				defer c.must(fault.undo...)
			}
			dir := t.TempDir()
			job := filepath.Join(dir, "job.yaml")
			text := strings.ReplaceAll(countJob, "IMAGE", cmp.Or(fault.image, "localhost/busybox:1"))
			if err := os.WriteFile(job, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"run", "-f", job, "--state-dir", dir, "--run-id", "waits", "--executor", c.name, "--start-timeout", "8s"}
			out, _ := c.command(t, "kog", append(args, fault.args...)...).CombinedOutput() // the result tells
			told, result, _ := strings.Cut(string(out), "step finished")
			if !strings.Contains(told, fault.words) {
				t.Errorf("not told while it waits: %s", fault.words)
			}
			if !strings.Contains(result, `"status":"abort","message":"did not start within 8s: `) || !strings.Contains(result, fault.words) {
				t.Error("not the reason of the abort")
			}
			wantNothingLeft(t, c.world)
			if t.Failed() {
				t.Logf("%s", out)
			}
		})
	}
}
