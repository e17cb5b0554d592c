package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// lookAround is how often the cluster is asked why a container does not start,
// and for how long it may take before that.
const lookAround = 2 * time.Second

var listEvents = call{"list", "events"}

// teller tells what holds a start up, each thing once until another comes.
type teller struct {
	progress func(executor.Progress)
	mu       sync.Mutex
	last     string
}

func newTeller(spec executor.Spec) *teller { return &teller{progress: spec.Progress} }

func (t *teller) warn(message string) {
	message = strings.TrimSpace(strings.ReplaceAll(message, "\n", " "))
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.progress == nil || message == "" || message == t.last {
		return
	}
	t.last = message
	t.progress(executor.Progress{Message: message, Warning: true})
}

// event tells a warning of the cluster, if the pod has not said the same.
func (t *teller) event(reason, message string) {
	t.mu.Lock()
	same := strings.Contains(t.last, message)
	t.mu.Unlock()
	if !same {
		t.warn(reason + ": " + message)
	}
}

// awaitStart waits until the container's command was executed. One that never
// will be is removed. What it waits for is told meanwhile.
func (p *process) awaitStart(ctx context.Context, tell *teller) error {
	watchCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watched sync.WaitGroup
	defer watched.Wait()
	defer cancel()
	seen := make(chan *corev1.Pod, 1)
	watched.Go(func() { p.tellWhy(watchCtx, seen, tell) })

	was := false
	err := p.observe(ctx, func(s sight) (bool, error) {
		if s.pod == nil {
			return false, p.noPod(ctx, was)
		}
		was = true
		replace(seen, s.pod)
		switch why := hopeless(s.pod); {
		case wasStarted(s.pod):
			return true, nil
		case why != nil:
			return false, why
		}
		tell.warn(waitingFor(s.pod))
		if _, _, err := endOf(s); err != nil {
			return false, err
		}
		return false, nil
	})
	var never *neverError
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case errors.As(err, &never):
		return errors.Join(never.err, p.exec.removeJob(ctx, p))
	}
	return err
}

// noPod: at first there is none yet. Later, or when the Job has ended, it is
// lost, and whether it did anything is not known.
func (p *process) noPod(ctx context.Context, was bool) error {
	if was {
		return errNoPod
	}
	job, err := p.job(ctx)
	if err != nil {
		return err
	}
	if job.Status.Failed > 0 || job.Status.Succeeded > 0 || job.Annotations[annotationExit] != "" {
		return errNoPod
	}
	return nil
}

// replace puts the newest pod into a channel of one.
func replace(c chan *corev1.Pod, pod *corev1.Pod) {
	select {
	case <-c:
	default:
	}
	c <- pod
}

// neverError: the container's command was not executed and never will be.
type neverError struct{ err error }

func (e *neverError) Error() string { return e.err.Error() }

// neverReasons are words with which a cluster says so, and what they mean.
// Others may pass: an image may be pushed, a Secret made.
var neverReasons = map[string]error{
	"ErrImageNeverPull":    executor.ErrImageNotFound,
	"InvalidImageName":     errors.New("the name of the image is not one"),
	"CreateContainerError": errors.New("the container cannot be made"),
	"RunContainerError":    errors.New("the command cannot be executed"),
}

func hopeless(pod *corev1.Pod) error {
	for _, s := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		if w := s.State.Waiting; w != nil && neverReasons[w.Reason] != nil {
			return &neverError{fmt.Errorf("%w: %s", neverReasons[w.Reason], w.Message)}
		}
		t := s.State.Terminated
		switch {
		case t == nil:
		case neverRan(t):
			return &neverError{fmt.Errorf("the command cannot be executed: %s", t.Message)}
		case s.Name == joinName && t.ExitCode != 0:
			return &neverError{fmt.Errorf("a file larger than a Secret could not be put together: the image needs sh and cat for that: exit code %d: %s", t.ExitCode, t.Message)}
		}
	}
	return nil
}

// waitingFor says what a pod's own status tells about why it does not start.
func waitingFor(pod *corev1.Pod) string {
	for _, s := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		w := s.State.Waiting
		if w == nil || w.Reason == "ContainerCreating" || w.Reason == "PodInitializing" {
			continue
		}
		return fmt.Sprintf("image %s: %s: %s", s.Image, w.Reason, w.Message)
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return "no node takes the pod: " + c.Message
		}
	}
	return ""
}

// tellWhy tells the warnings that the cluster has about a pod, or about the Job
// while there is none. What the pod's own status says comes first.
func (p *process) tellWhy(ctx context.Context, seen <-chan *corev1.Pod, tell *teller) {
	about, says := p.owner, ""
	for pause(ctx, lookAround) == nil {
		select {
		case pod := <-seen:
			about, says = pod.UID, waitingFor(pod)
		default:
		}
		if says == "" {
			tell.event(p.lastWarning(ctx, about))
		}
	}
}

// harmless are reasons of warnings that keep no pod from starting.
var harmless = map[string]bool{"MissingClusterDNS": true, "DNSConfigForming": true, "CheckLimitsForResolvConf": true}

// lastWarning is the newest warning about an object. Not to be allowed to read
// them is no reason to fail.
func (p *process) lastWarning(ctx context.Context, uid types.UID) (reason, message string) {
	var list corev1.EventList
	err := p.exec.core.Get().Namespace(p.namespace).Resource("events").
		Param(paramFields, "involvedObject.uid="+string(uid)+",type="+corev1.EventTypeWarning).Do(ctx).Into(&list)
	if err != nil {
		p.exec.log.Debug("no events", "container", p.handle.ID, "error", p.exec.translate(ctx, listEvents, err))
		return "", ""
	}
	var newest time.Time
	for _, ev := range list.Items {
		if harmless[ev.Reason] {
			continue
		}
		at := ev.LastTimestamp.Time
		if at.IsZero() {
			at = ev.EventTime.Time
		}
		if message == "" || !at.Before(newest) {
			newest, reason, message = at, ev.Reason, ev.Message
		}
	}
	return reason, message
}
