package kube

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// podOf makes a pod whose step is in a state.
func podOf(state corev1.ContainerState, change ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: "a-xyz", Namespace: "ns", UID: "pod-uid", ResourceVersion: "5",
			OwnerReferences: []metav1.OwnerReference{{Kind: "Job", Name: "a", UID: "job-uid"}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{
			{Name: "sidecar", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 9}}},
			{Name: containerName, State: state},
		}},
	}
	for _, c := range change {
		c(pod)
	}
	return pod
}

func failedWithout(reason, message string) *corev1.Pod {
	return &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: reason, Message: message}}
}

var (
	startedAt  = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	finishedAt = startedAt.Add(time.Minute)
)

func exited(code int32, why string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: why, StartedAt: metav1.NewTime(startedAt), FinishedAt: metav1.NewTime(finishedAt),
	}}
}

func running() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
}

func disrupted(reason string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{
			Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: reason,
		})
	}
}

func withReason(reason string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Reason = reason }
}

func withDeadline(seconds int64) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.ActiveDeadlineSeconds = &seconds }
}

func TestEndOf(t *testing.T) {
	ended := func(code int, oom bool, reason string) *executor.Exit {
		return &executor.Exit{Code: code, OOMKilled: oom, Reason: reason, StartedAt: startedAt, FinishedAt: finishedAt.Add(time.Second - 1)}
	}
	for _, test := range []struct {
		name string
		pod  *corev1.Pod
		gone bool
		exit *executor.Exit
		lost string // what the error says, which is ErrNotFound
	}{
		{name: "success", pod: podOf(exited(0, "Completed")), exit: ended(0, false, "")},
		{name: "failure", pod: podOf(exited(3, "Error")), exit: ended(3, false, "")},
		{name: "deleted after its end", pod: podOf(exited(3, "Error")), gone: true, exit: ended(3, false, "")},
		{name: "out of memory", pod: podOf(exited(137, "OOMKilled")), exit: ended(137, true, "")},
		{name: "a child out of memory", pod: podOf(exited(0, "OOMKilled")), exit: ended(0, false, "")},
		{name: "evicted by the node", pod: podOf(exited(137, "Error"), withReason("Evicted"), disrupted("TerminationByKubelet")), exit: ended(137, false, "Evicted")},
		{name: "evicted by the API", pod: podOf(exited(143, "Error"), disrupted("EvictionByEvictionAPI")), exit: ended(143, false, "EvictionByEvictionAPI")},
		{name: "past a deadline", pod: podOf(exited(143, "Error"), withReason("DeadlineExceeded"), withDeadline(60)), exit: ended(143, false, "DeadlineExceeded")},
		{name: "stopped", pod: podOf(exited(143, "Error"), withReason("DeadlineExceeded"), withDeadline(stopDeadline)), exit: ended(143, false, "")},
		{name: "not executed", pod: podOf(exited(128, "StartError")), exit: ended(128, false, "StartError")},
		{name: "runs", pod: podOf(running())},
		{name: "waits", pod: podOf(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}})},
		{name: "nothing said yet", pod: &corev1.Pod{}},
		{name: "no pod", gone: true, lost: "its pod is gone"},
		{name: "deleted while it ran", pod: podOf(running()), gone: true, lost: "its pod is gone"},
		{name: "failed without a word", pod: failedWithout("", ""), lost: "does not say how"},
		{name: "evicted before it ran", pod: failedWithout("Evicted", "The node was low on memory."), lost: "Evicted: The node was low on memory"},
		{name: "succeeded without a word", pod: &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodSucceeded}}, lost: "does not say how"},
		{name: "end not recorded", pod: podOf(exited(137, "ContainerStatusUnknown")), lost: "ContainerStatusUnknown"},
		{name: "end missed", pod: podOf(exited(255, "Unknown")), lost: "Unknown"},
		{name: "stopped, end not recorded", pod: podOf(exited(137, "ContainerStatusUnknown"), withDeadline(stopDeadline)), exit: ended(137, false, "")},
		{name: "evicted, end not recorded", pod: podOf(exited(137, "ContainerStatusUnknown"), withReason("Evicted")), exit: ended(137, false, "Evicted")},
	} {
		t.Run(test.name, func(t *testing.T) {
			exit, done, err := endOf(sight{pod: test.pod, gone: test.gone})
			if (err != nil) != (test.lost != "") || done != (test.exit != nil) {
				t.Fatalf("got %+v, %v, %v", exit, done, err)
			}
			if err != nil && (!errors.Is(err, executor.ErrNotFound) || !strings.Contains(err.Error(), test.lost)) {
				t.Errorf("got %v", err)
			}
			if test.exit != nil && exit != *test.exit {
				t.Errorf("got %+v", exit)
			}
		})
	}
}

func TestWasStarted(t *testing.T) {
	for _, test := range []struct {
		name string
		pod  *corev1.Pod
		want bool
	}{
		{"no pod", nil, false},
		{"no word", &corev1.Pod{}, false},
		{"waiting", podOf(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}), false},
		{"running", podOf(running()), true},
		{"ended", podOf(exited(0, "Completed")), true},
		{"start error", podOf(exited(128, "StartError")), false},
		{"cannot run", podOf(exited(127, "ContainerCannotRun")), false},
	} {
		if got := wasStarted(test.pod); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
