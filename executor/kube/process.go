package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// stopDeadline, in seconds, as a pod's own deadline makes its node end it. The
// pod and its log stay, which they do not when the pod is deleted.
const stopDeadline = 1

var (
	getJobs   = call{"get", "jobs"}
	patchJobs = call{"patch", "jobs"}
	patchPods = call{"patch", "pods"}
	deletePod = call{"delete", "pods"}
)

// process is one container: a Job and its pod.
type process struct {
	exec      *Executor
	handle    executor.Handle
	namespace string
	owner     types.UID

	mu    sync.Mutex
	exit  *executor.Exit // once it is known
	ended chan struct{}  // closed then
}

func (e *Executor) process(h executor.Handle) (*process, error) {
	namespace, uid, ok := strings.Cut(h.Ref, "/")
	if !ok || h.ID == "" {
		return nil, fmt.Errorf("handle %+v is none of executor %s", h, Name)
	}
	return &process{exec: e, handle: h, namespace: namespace, owner: types.UID(uid), ended: make(chan struct{})}, nil
}

// Attach finds a container again; see executor.Executor.
func (e *Executor) Attach(ctx context.Context, h executor.Handle) (executor.Process, error) {
	p, err := e.attach(ctx, h)
	if err != nil {
		return nil, fmt.Errorf("attach to container %s: %w", h.ID, err)
	}
	return p, nil
}

// attach goes by the name alone when the handle has no more.
func (e *Executor) attach(ctx context.Context, h executor.Handle) (*process, error) {
	if h.Ref == "" {
		job, err := e.job(ctx, e.namespace, h.ID)
		if err != nil {
			return nil, err
		}
		return e.process(handle(job))
	}
	p, err := e.process(h)
	if err == nil {
		_, err = p.job(ctx)
	}
	return p, err
}

func (p *process) object() object { return object{p.namespace, p.handle.ID, p.owner} }

// Handle finds the container again; see executor.Process.
func (p *process) Handle() executor.Handle { return p.handle }

// job gives the process's Job, ErrNotFound when that is gone.
func (p *process) job(ctx context.Context) (*batchv1.Job, error) {
	job, err := p.exec.job(ctx, p.namespace, p.handle.ID)
	if err == nil && job.UID != p.owner {
		err = fmt.Errorf("another job has its name: %w", executor.ErrNotFound)
	}
	return job, err
}

func (e *Executor) job(ctx context.Context, namespace, name string) (*batchv1.Job, error) {
	var job batchv1.Job
	err := e.batch.Get().Namespace(namespace).Resource("jobs").Name(name).Do(ctx).Into(&job)
	return &job, e.translate(ctx, getJobs, err)
}

// Wait returns how the container ended; see executor.Process.
func (p *process) Wait(ctx context.Context) (executor.Exit, error) {
	if ctx.Err() != nil {
		return executor.Exit{}, context.Cause(ctx)
	}
	exit, err := p.waitUnlessRemoved(ctx)
	if err != nil {
		return executor.Exit{}, fmt.Errorf("wait for container %s: %w", p.handle.ID, err)
	}
	return exit, nil
}

// waitUnlessRemoved: the pod of a Job that was removed stays for a while.
func (p *process) waitUnlessRemoved(ctx context.Context) (executor.Exit, error) {
	if _, err := p.job(ctx); err != nil {
		return executor.Exit{}, err
	}
	return p.wait(ctx)
}

func (p *process) wait(ctx context.Context) (executor.Exit, error) {
	if exit := p.known(nil); exit != nil {
		return *exit, nil
	}
	err := p.observe(ctx, func(s sight) (bool, error) {
		exit, done, err := endOf(s)
		if done {
			p.known(&exit)
		}
		return done, err
	})
	if isGone(err) {
		if exit := p.recorded(ctx); exit != nil {
			return *p.known(exit), nil
		}
	}
	if err != nil {
		return executor.Exit{}, err
	}
	return *p.known(nil), nil
}

// known keeps the first end that was seen, and gives it; nil when there is none.
func (p *process) known(exit *executor.Exit) *executor.Exit {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.exit == nil && exit != nil {
		p.exit = exit
		close(p.ended)
	}
	return p.exit
}

// recorded is the end that Stop wrote down before the pod was gone.
func (p *process) recorded(ctx context.Context) *executor.Exit {
	job, err := p.job(ctx)
	if err != nil {
		return nil
	}
	var exit executor.Exit
	if json.Unmarshal([]byte(job.Annotations[annotationExit]), &exit) != nil {
		return nil
	}
	return &exit
}

// Stop ends the container; see executor.Process. It has no longer than Spec.Grace,
// which is fixed when it starts. With a shorter grace than that its pod has to go,
// and with the pod what it prints at last. A second Stop hastens nothing: a node
// that has begun to end a container keeps to the time it gave.
func (p *process) Stop(ctx context.Context, grace time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := p.stop(ctx, seconds(grace)); err != nil && !isGone(err) {
		return fmt.Errorf("stop container %s: %w", p.handle.ID, err)
	}
	return nil
}

// seconds: a pod has at least one second.
func seconds(d time.Duration) int64 { return max(1, int64(math.Ceil(d.Seconds()))) }

func (p *process) stop(ctx context.Context, grace int64) error {
	pod, _, err := p.exec.findPod(ctx, p.namespace, p.handle.ID, p.owner)
	if err != nil || pod == nil {
		return err
	}
	if _, done, err := endOf(sight{pod: pod}); done || err != nil {
		return err
	}
	own := int64(defaultGrace.Seconds())
	if pod.Spec.TerminationGracePeriodSeconds != nil {
		own = *pod.Spec.TerminationGracePeriodSeconds
	}
	if grace >= own {
		return p.ask(ctx, pod)
	}
	if err := p.deletePod(ctx, pod, grace); err != nil {
		return err
	}
	exit, err := p.wait(ctx)
	if err != nil {
		return err
	}
	return p.record(ctx, exit)
}

// ask lets the node end the container, which keeps the pod and its log.
func (p *process) ask(ctx context.Context, pod *corev1.Pod) error {
	err := p.exec.patch(ctx, patchPods, object{namespace: p.namespace, name: pod.Name}, map[string]any{
		"metadata": map[string]any{"uid": pod.UID},
		"spec":     map[string]any{"activeDeadlineSeconds": stopDeadline},
	})
	if err != nil {
		return err
	}
	_, err = p.wait(ctx)
	return err
}

// record writes the end down where it stays when the pod is gone.
func (p *process) record(ctx context.Context, exit executor.Exit) error {
	data, err := json.Marshal(exit)
	if err != nil {
		return err
	}
	return p.exec.patch(ctx, patchJobs, p.object(), map[string]any{
		"metadata": map[string]any{"uid": p.owner, "annotations": map[string]string{annotationExit: string(data)}},
	})
}

func (p *process) deletePod(ctx context.Context, pod *corev1.Pod, grace int64) error {
	err := p.exec.core.Delete().Namespace(p.namespace).Resource("pods").Name(pod.Name).Body(&metav1.DeleteOptions{
		GracePeriodSeconds: &grace, Preconditions: &metav1.Preconditions{UID: &pod.UID},
	}).Do(ctx).Error()
	return p.exec.translate(ctx, deletePod, err)
}

// patch changes an object. The UID in it makes sure that it is still the same.
func (e *Executor) patch(ctx context.Context, what call, o object, change map[string]any) error {
	data, err := json.Marshal(change)
	if err != nil {
		return err
	}
	err = e.client(what).Patch(types.MergePatchType).Namespace(o.namespace).Resource(what.resource).Name(o.name).Body(data).Do(ctx).Error()
	return e.translate(ctx, what, err)
}

// Remove kills and deletes the container; see executor.Process. What is left of
// one that has ended, the cluster deletes by and by.
func (p *process) Remove(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err := p.exec.removeJob(ctx, p)
	if err != nil && !errors.Is(err, executor.ErrNotFound) {
		return fmt.Errorf("remove container %s: %w", p.handle.ID, err)
	}
	return nil
}
