package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

var (
	listPods  = call{"list", "pods"}
	watchPods = call{"watch", "pods"}
)

// list parameters, in their form in an address.
const (
	paramSelector = "labelSelector"
	paramFields   = "fieldSelector"
	paramVersion  = "resourceVersion"
)

// podSelector finds the pod of one container.
func podSelector(id string) string { return labelStep + "=" + id }

// findPod gives the pod that a Job has made and the version of the whole list.
// The pod is nil when there is none.
func (e *Executor) findPod(ctx context.Context, namespace, id string, owner types.UID) (*corev1.Pod, string, error) {
	var list corev1.PodList
	err := e.core.Get().Namespace(namespace).Resource("pods").
		Param(paramSelector, podSelector(id)).Do(ctx).Into(&list)
	if err != nil {
		return nil, "", e.translate(ctx, listPods, err)
	}
	i := slices.IndexFunc(list.Items, func(p corev1.Pod) bool { return ownedBy(&p, owner) })
	if i < 0 {
		return nil, list.ResourceVersion, nil
	}
	return &list.Items[i], list.ResourceVersion, nil
}

func ownedBy(p *corev1.Pod, owner types.UID) bool {
	return slices.ContainsFunc(p.OwnerReferences, func(r metav1.OwnerReference) bool { return r.UID == owner })
}

// sight is a pod as it was seen at some time. gone: it is deleted, pod is what
// it was at last.
type sight struct {
	pod  *corev1.Pod
	gone bool
}

// observe shows each state of the process's pod, beginning with the present
// one, until see is done. A pod that is not there (yet, or any more) is shown
// as nil. Trouble on the way to the cluster ends it with an error; what the
// cluster itself ends, such as watches, it begins again.
func (p *process) observe(ctx context.Context, see func(sight) (done bool, err error)) error {
	for {
		pod, version, err := p.exec.findPod(ctx, p.namespace, p.handle.ID, p.owner)
		if err != nil {
			return err
		}
		if done, err := see(sight{pod: pod, gone: pod == nil}); done || err != nil {
			return err
		}
		if done, err := p.watch(ctx, version, see); done || err != nil {
			return err
		}
	}
}

// watch shows changes. It returns false, nil when it has to be begun anew.
func (p *process) watch(ctx context.Context, version string, see func(sight) (bool, error)) (bool, error) {
	w, err := p.exec.core.Get().Namespace(p.namespace).Resource("pods").
		Param(paramSelector, podSelector(p.handle.ID)).Param(paramVersion, version).
		Param("watch", "true").Watch(ctx)
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return false, nil
	}
	if err != nil {
		return false, p.exec.translate(ctx, watchPods, err)
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case ev, open := <-w.ResultChan():
			if !open || ev.Type == watch.Error {
				return false, pause(ctx, backoffFirst)
			}
			pod, ok := ev.Object.(*corev1.Pod)
			if !ok || !ownedBy(pod, p.owner) {
				continue
			}
			if done, err := see(sight{pod: pod, gone: ev.Type == watch.Deleted}); done || err != nil {
				return done, err
			}
		}
	}
}

// step is the state of the container that counts; nil when the cluster has not
// said anything about it.
func step(pod *corev1.Pod) *corev1.ContainerStatus {
	if pod == nil {
		return nil
	}
	for i := range pod.Status.ContainerStatuses {
		if pod.Status.ContainerStatuses[i].Name == containerName {
			return &pod.Status.ContainerStatuses[i]
		}
	}
	return nil
}

// terminated says how the container ended; nil while it has not.
func terminated(pod *corev1.Pod) *corev1.ContainerStateTerminated {
	if s := step(pod); s != nil {
		return s.State.Terminated
	}
	return nil
}

// wasStarted: the container's command is or was executed.
func wasStarted(pod *corev1.Pod) bool {
	s := step(pod)
	if s == nil {
		return false
	}
	return s.State.Running != nil || s.State.Terminated != nil && !neverRan(s.State.Terminated)
}

// neverRan: the runtime could not execute the command.
func neverRan(t *corev1.ContainerStateTerminated) bool {
	return t.Reason == "StartError" || t.Reason == "ContainerCannotRun"
}

// overWithout: the pod has ended and says nothing of how its container did.
func overWithout(pod *corev1.Pod) bool {
	if pod.Status.Phase != corev1.PodFailed && pod.Status.Phase != corev1.PodSucceeded {
		return false
	}
	s := step(pod)
	return s == nil || s.State.Running == nil && s.State.Terminated == nil
}

var errNoPod = fmt.Errorf("its pod is gone: %w", executor.ErrNotFound)

// reason is the cluster's word for an end that the container did not choose.
func reason(pod *corev1.Pod) string {
	why := pod.Status.Reason
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue && c.Reason != "" && why == "" {
			why = c.Reason
		}
	}
	if why == "DeadlineExceeded" && hasStopDeadline(pod) {
		return "" // that was Stop
	}
	return why
}

func hasStopDeadline(pod *corev1.Pod) bool {
	return pod.Spec.ActiveDeadlineSeconds != nil && *pod.Spec.ActiveDeadlineSeconds == stopDeadline
}

// lastOf is the last moment of a second. A cluster writes times down without
// their fractions, and a container that was stopped at its deadline has not
// ended before that.
func lastOf(second time.Time) time.Time {
	if second.IsZero() {
		return second
	}
	return second.Add(time.Second - 1)
}

func exitOf(pod *corev1.Pod, t *corev1.ContainerStateTerminated) executor.Exit {
	exit := executor.Exit{
		Code: int(t.ExitCode), Reason: reason(pod),
		OOMKilled: t.Reason == "OOMKilled" && t.ExitCode != 0,
		StartedAt: t.StartedAt.Time, FinishedAt: lastOf(t.FinishedAt.Time),
	}
	if neverRan(t) {
		exit.Reason = t.Reason
	}
	return exit
}

// endOf says how a pod that was seen has ended; false while it has not.
func endOf(s sight) (executor.Exit, bool, error) {
	if s.pod == nil {
		return executor.Exit{}, false, errNoPod
	}
	switch t := terminated(s.pod); {
	case t != nil && unknownEnd(s.pod, t):
		return executor.Exit{}, false, lost(t.Reason, t.Message)
	case t != nil:
		return exitOf(s.pod, t), true, nil
	case overWithout(s.pod):
		return executor.Exit{}, false, lost(cmp.Or(reason(s.pod), "its pod has ended and does not say how"), s.pod.Status.Message)
	}
	if s.gone {
		return executor.Exit{}, false, errNoPod
	}
	return executor.Exit{}, false, nil
}

// unknownReasons are those of exit codes that are made up: the kubelet, or
// containerd when it was started anew, has lost the container.
var unknownReasons = map[string]bool{"ContainerStatusUnknown": true, "Unknown": true}

// unknownEnd: the node does not know how the container ended. Of a pod that had
// to end, that is no news.
func unknownEnd(pod *corev1.Pod, t *corev1.ContainerStateTerminated) bool {
	stopped := pod.DeletionTimestamp != nil || hasStopDeadline(pod)
	return unknownReasons[t.Reason] && !stopped && reason(pod) == ""
}

func lost(why, message string) error {
	if message != "" {
		why += ": " + strings.TrimRight(message, ". \n")
	}
	return fmt.Errorf("%s: %w", why, executor.ErrNotFound)
}

// isGone: an error says that there is no such thing any more.
func isGone(err error) bool { return errors.Is(err, executor.ErrNotFound) }

// ended: nothing of the pod's own work goes on any more.
func ended(pod *corev1.Pod) bool {
	return terminated(pod) != nil || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
}
