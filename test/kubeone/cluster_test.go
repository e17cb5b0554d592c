package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPartsThatAreKilledComeBack(t *testing.T) {
	k := start(t)
	second := filepath.Join(t.TempDir(), "second")
	if out, err := exec.Command(k.cmd.Path, "up", "-dir", second).CombinedOutput(); err == nil || !strings.Contains(string(out), "another kubeone is up") {
		t.Errorf("a second cluster in the same network namespace: %v: %s", err, out)
	}
	if _, err := os.Stat(second); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state folder of a refused cluster is left (%v)", err)
	}
	k.create(t, "long", "sleep 1000")
	k.eventually(t, "a pod that runs", k.longRuns)

	for _, part := range []string{"containerd", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"} {
		old := k.pid(t, part)
		if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
			t.Fatalf("kill %s: %v", part, err)
		}
		k.eventually(t, "another "+part, func(context.Context) error {
			if k.pid(t, part) == old {
				return errors.New("it is not started again")
			}
			return nil
		})
		const script = "echo out >/data/file; cat /data/file; echo err >&2"
		if out := k.job(t, "after-"+part, script); out != "out\n" {
			t.Errorf("after the end of %s, a job writes %q to its standard output", part, out)
		}
	}
	if err := k.longRuns(t.Context()); err != nil {
		t.Errorf("a pod of before: %v", err)
	}

	if err := k.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := k.cmd.Wait(); err != nil {
		t.Errorf("kubeone ends with %v after a signal", err)
	}
	k.nothingLeft(t)
}

func TestDownAfterKill(t *testing.T) {
	k := start(t)
	k.create(t, "long", "sleep 1000")
	k.eventually(t, "a pod that runs", k.longRuns)
	if err := k.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := k.cmd.Wait(); err == nil {
		t.Fatal("kubeone was not killed")
	}
	if pids, err := k.processes(); err != nil || len(pids) == 0 {
		t.Fatalf("processes %v (%v): there is nothing to take down", pids, err)
	}
	if err := down([]string{"-dir", k.dir}); err != nil {
		t.Error(err)
	}
	k.nothingLeft(t)
}

func TestDownSparesOtherFolders(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := down([]string{"-dir", dir}); err == nil {
		t.Error("down takes a folder for a cluster's that is not")
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

// longRuns says why the pod of the job "long" does not run, or has been started
// anew.
func (k *kubeone) longRuns(ctx context.Context) error {
	pods, err := k.kube.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "job-name=long"})
	if err != nil {
		return err
	}
	if len(pods.Items) != 1 {
		return fmt.Errorf("%d pods", len(pods.Items))
	}
	status := pods.Items[0].Status
	if status.Phase != corev1.PodRunning || status.ContainerStatuses[0].RestartCount > 0 {
		return fmt.Errorf("%+v", status)
	}
	return nil
}

// pid returns the process ID of a part.
func (k *kubeone) pid(t *testing.T, part string) int {
	t.Helper()
	b, err := os.ReadFile(k.path("pid", part))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// nothingLeft checks that no process, cgroup, file, bridge or mount, in whatever
// namespace, is left of a cluster.
func (k *kubeone) nothingLeft(t *testing.T) {
	t.Helper()
	pids, err := k.processes()
	if err != nil || len(pids) > 0 {
		t.Errorf("processes are left: %v (%v)", pids, err)
	}
	if err := k.walkCgroups(func(dir string) error { return errors.New(dir) }); err != nil {
		t.Errorf("a cgroup is left: %v", err)
	}
	if _, err := os.Stat(k.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state folder is left (%v)", err)
	}
	if exec.Command("ip", "link", "show", bridge).Run() == nil {
		t.Error("the bridge is left")
	}
	tables, err := filepath.Glob("/proc/[0-9]*/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		// A process may have ended by now.
		if b, err := os.ReadFile(table); err == nil && strings.Contains(string(b), k.dir) {
			t.Errorf("mounts are left in %s", table)
		}
	}
}
