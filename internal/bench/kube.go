//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// kubeImage is on every node of the cluster of scripts/engines.sh.
	kubeImage = "localhost/busybox:1"
	// kubeResult is what its container says, for kog and in the loop.
	kubeResult = `KOG:{"result":"success"}`
	// kubeRuns are the runs at once whose requests are counted.
	kubeRuns = 20
)

// cluster is a namespace for measuring, and the configuration that leads to it.
type cluster struct {
	config    string
	namespace string
}

// onCluster calls a measurement with a namespace that is deleted afterwards.
func (b *bench) onCluster(measure func(cluster) error) (err error) {
	if os.Getenv("KOG_TEST_KUBE") == "" {
		fmt.Println("\nkube: KOG_TEST_KUBE is not set, scripts/engines.sh sets it")
		return nil
	}
	c := cluster{config: b.path("kubeconfig"), namespace: fmt.Sprintf("kog-bench-%d", os.Getpid())}
	config, err := kubectl("config", "view", "--raw", "--minify", "--flatten")
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.config, []byte(config), 0o600); err != nil {
		return err
	}
	if _, err := c.kubectl("config", "set-context", "--current", "--namespace", c.namespace); err != nil {
		return err
	}
	if _, err := c.kubectl("create", "namespace", c.namespace); err != nil {
		return err
	}
	defer func() {
		_, derr := c.kubectl("delete", "namespace", c.namespace)
		err = errors.Join(err, derr)
	}()
	return measure(c)
}

func kubectl(args ...string) (string, error) {
	var out, errs bytes.Buffer
	cmd := exec.Command("kubectl", args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, tail(errs.Bytes()))
	}
	return out.String(), nil
}

func (c cluster) kubectl(args ...string) (string, error) {
	return kubectl(append([]string{"--kubeconfig", c.config}, args...)...)
}

// clear waits until no pod is left.
func (c cluster) clear() error {
	_, err := c.kubectl("delete", "jobs,pods", "--all")
	return err
}

// kog is a job of ten trivial steps, each a Job of the cluster.
func (c cluster) kog(b *bench) (command, error) {
	job, err := b.tenSteps(fmt.Sprintf("{image: '%s', entrypoint: [echo, '%s']}", kubeImage, kubeResult))
	return command{name: "kog", env: c.env(), argv: []string{
		b.kog, "run", "-f", job, "--executor", "k8s", "--output", "quiet", "--state-dir", b.path("state"),
	}}, err
}

// loop does the same by hand. Its Jobs stay.
func (c cluster) loop() command {
	script := fmt.Sprintf(`i=0; while [ $i -lt %d ]; do
kubectl create job bench-$i --image=%s -- echo '%s' >/dev/null &&
kubectl wait --for=condition=complete --timeout=5m job/bench-$i >/dev/null || exit 1
i=$((i+1)); done`, steps, kubeImage, kubeResult)
	return command{name: "kubectl create job, kubectl wait", argv: []string{"sh", "-c", script}, env: c.env()}
}

func (c cluster) env() []string { return []string{"KUBECONFIG=" + c.config} }

// kubeSteps compares a job of ten trivial steps with a loop of kubectl, of the
// same image and command. What the loop leaves is deleted when its time has been
// taken; kog deletes its own while it runs.
func (b *bench) kubeSteps() error {
	return b.onCluster(func(c cluster) error {
		kog, err := c.kog(b)
		if err != nil {
			return err
		}
		commands := []command{c.loop(), kog}
		samples, err := alternate(b.rounds, c.clear, commands...)
		if err != nil {
			return err
		}
		report(fmt.Sprintf("kube: a trivial step, of %d in a row", steps), steps, commands, samples)
		for i, c := range commands {
			var cpu []float64
			for _, s := range samples[i] {
				cpu = append(cpu, s.cpu.Seconds()*1000)
			}
			fmt.Printf("  CPU time of %s for the job: %.0f ms\n", c.name, median(cpu))
		}
		return nil
	})
}

// kubeRequests counts the requests to the API server for a step: by a loop of
// kubectl, by one run of kog, and by many runs at once.
func (b *bench) kubeRequests() error {
	return b.onCluster(func(c cluster) error {
		tap, err := c.tap()
		if err != nil {
			return err
		}
		defer tap.close()
		tapped, err := c.through(tap, b.path("tapped"))
		if err != nil {
			return err
		}
		kog, err := tapped.kog(b)
		if err != nil {
			return err
		}
		// kubectl asks once what kinds of objects there are, and keeps the answer.
		if _, err := tapped.kubectl("get", "jobs"); err != nil {
			return err
		}
		fmt.Println("\nkube: requests to the API server for a trivial step")
		for _, m := range []struct {
			name    string
			command command
			runs    int
		}{
			{"kubectl create job, kubectl wait", tapped.loop(), 1},
			{"kog, one run", kog, 1},
			{fmt.Sprintf("kog, %d runs at once", kubeRuns), kog, kubeRuns},
		} {
			if err := c.clear(); err != nil {
				return err
			}
			tap.reset()
			began := time.Now()
			if err := atOnce(m.runs, m.command); err != nil {
				return err
			}
			describe(m.name, time.Since(began), tap.counts(), float64(m.runs*steps))
		}
		return nil
	})
}

// atOnce runs a command so many times at once.
func atOnce(n int, c command) error {
	failed := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { _, failed[i] = c.once() })
	}
	all.Wait()
	return errors.Join(failed...)
}

// describe prints counts per step, and of what they are.
func describe(name string, took time.Duration, counts map[string]int, steps float64) {
	sum, parts := 0, []string{}
	kinds := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return counts[b] - counts[a] })
	for _, kind := range kinds {
		sum += counts[kind]
		parts = append(parts, fmt.Sprintf("%s %.1f", kind, float64(counts[kind])/steps))
	}
	fmt.Printf("  %-34s %6.1f, in %.0f s (%s)\n", name, float64(sum)/steps, took.Seconds(), strings.Join(parts, ", "))
}
