package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// TestMain lets the test binary be kubeone itself, and lets the tests run in a
// network namespace of their own.
func TestMain(m *testing.M) {
	const variable = "KUBEONE_TEST"
	if os.Getenv(variable) == "main" {
		main()
		return
	}
	if os.Geteuid() == 0 && os.Getenv(variable) == "" {
		runtime.LockOSThread()
		err := syscall.Unshare(syscall.CLONE_NEWNET)
		if err == nil {
			err = syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), variable+"=apart"))
		}
		fmt.Fprintln(os.Stderr, "a network namespace:", err)
		os.Exit(1)
	}
	if err := os.Setenv(variable, "main"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// kubeone is a running cluster.
type kubeone struct {
	cluster
	cmd    *exec.Cmd
	output bytes.Buffer
	kube   kubernetes.Interface
}

// start starts a cluster that the test ends.
func start(t *testing.T) *kubeone {
	t.Helper()
	k := &kubeone{}
	k.containerd, k.busybox, k.cniBin = "containerd", "/bin/busybox", "/usr/lib/cni"
	if err := k.needs(); err != nil {
		if slices.Contains(strings.Split(os.Getenv("KOG_TEST_REQUIRE"), ","), "kube") {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	k.dir = filepath.Join(t.TempDir(), "cluster")
	k.cmd = exec.Command("/proc/self/exe", "up", "-v", "-dir", k.dir)
	k.cmd.Stdout, k.cmd.Stderr = &k.output, &k.output
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = k.cmd.Process.Kill() // it may have ended
		_ = k.cmd.Wait()         // it was killed
		if err := down([]string{"-dir", k.dir}); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("kubeone:\n%s", &k.output)
		}
	})
	k.eventually(t, "the cluster is ready", func(context.Context) error {
		if err := syscall.Kill(k.cmd.Process.Pid, 0); err != nil {
			t.Fatal("kubeone has ended")
		}
		_, err := os.Stat(k.path("ready"))
		return err
	})
	var err error
	if k.kube, err = k.client(); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *kubeone) eventually(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	if err := k.wait(t.Context(), what, try); err != nil {
		t.Fatal(err)
	}
}

// job runs a job to its end and returns its standard output.
func (k *kubeone) job(t *testing.T, name, script string) string {
	t.Helper()
	k.create(t, name, script)
	var log string
	k.eventually(t, "the end of job "+name, func(ctx context.Context) error {
		job, err := k.kube.BatchV1().Jobs("default").Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if job.Status.Succeeded == 0 {
			return fmt.Errorf("%+v", job.Status)
		}
		stdout := corev1.LogStreamStdout
		pods, err := k.kube.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "job-name=" + name})
		if err != nil {
			return err
		}
		if len(pods.Items) != 1 {
			return fmt.Errorf("%d pods", len(pods.Items))
		}
		b, err := k.kube.CoreV1().Pods("default").GetLogs(pods.Items[0].Name, &corev1.PodLogOptions{Stream: &stdout}).DoRaw(ctx)
		log = string(b)
		return err
	})
	return log
}

// create creates a job whose only container has a claimed volume at /data.
func (k *kubeone) create(t *testing.T, name, script string) {
	t.Helper()
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")}},
		},
	}
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			Containers: []corev1.Container{{
				Name: "main", Image: "localhost/busybox:1", Command: []string{"sh", "-c", script},
				VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
			}},
			Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name},
			}}},
		}}},
	}
	k.eventually(t, "job "+name, func(ctx context.Context) error {
		_, err := k.kube.CoreV1().PersistentVolumeClaims("default").Create(ctx, claim, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
		if _, err = k.kube.BatchV1().Jobs("default").Create(ctx, job, metav1.CreateOptions{}); apierrors.IsAlreadyExists(err) {
			return nil
		}
		return err
	})
}
