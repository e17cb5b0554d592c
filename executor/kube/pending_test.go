package kube

import (
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

func waiting(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func initially(name string, state corev1.ContainerState) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: name, State: state, Image: "sh"}}
	}
}

func TestHopeless(t *testing.T) {
	none := corev1.ContainerState{}
	for _, test := range []struct {
		name, want string
		is         error
		pod        *corev1.Pod
	}{
		{name: "nothing yet", pod: &corev1.Pod{}},
		{name: "pulls", pod: podOf(waiting("ContainerCreating", ""))},
		{name: "an image that may come", pod: podOf(waiting("ImagePullBackOff", "not found"))},
		{name: "a Secret that may come", pod: podOf(waiting("CreateContainerConfigError", "secret not found"))},
		{name: "runs", pod: podOf(running())},
		{name: "failed by itself", pod: podOf(exited(1, "Error"))},
		{name: "no image, no pull", pod: podOf(waiting("ErrImageNeverPull", "image x")), want: "image x", is: executor.ErrImageNotFound},
		{name: "no name", pod: podOf(waiting("InvalidImageName", "image ::")), want: "name of the image"},
		{name: "start error", pod: podOf(exited(128, "StartError")), want: "cannot be executed"},
		{name: "joined", pod: podOf(none, initially(joinName, exited(0, "Completed")))},
		{name: "not joined", pod: podOf(none, initially(joinName, exited(127, "Error"))), want: "needs sh and cat"},
		{name: "no sh", pod: podOf(none, initially(joinName, exited(128, "StartError"))), want: "cannot be executed"},
		{name: "somebody else's init", pod: podOf(none, initially("theirs", exited(1, "Error")))},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := hopeless(test.pod)
			if (err != nil) != (test.want != "") {
				t.Fatalf("got %v", err)
			}
			var never *neverError
			if err != nil && (!errors.As(err, &never) || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(never.err, test.is)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWaitingFor(t *testing.T) {
	unscheduled := &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{
		{Type: corev1.PodReady, Status: corev1.ConditionFalse, Message: "not that"},
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/3 nodes are available"},
	}}}
	for _, test := range []struct {
		pod  *corev1.Pod
		want string
	}{
		{&corev1.Pod{}, ""},
		{podOf(running()), ""},
		{podOf(waiting("ContainerCreating", "")), ""},
		{podOf(waiting("PodInitializing", ""), initially("x", waiting("ErrImagePull", "no such host"))), "image sh: ErrImagePull: no such host"},
		{unscheduled, "no node takes the pod: 0/3 nodes are available"},
	} {
		if got := waitingFor(test.pod); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestTellerTellsEachThingOnce(t *testing.T) {
	var told []string
	tell := newTeller(executor.Spec{Progress: func(p executor.Progress) {
		if !p.Warning {
			t.Error("is no warning")
		}
		told = append(told, p.Message)
	}})
	for _, m := range []string{"", "a", " a\n", "b\nc", "a", "a"} {
		tell.warn(m)
	}
	if want := []string{"a", "b c", "a"}; !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
	tell.warn("no node takes the pod: all are full")
	told = nil
	tell.event("", "")
	tell.event("FailedScheduling", "all are full")
	tell.event("FailedMount", "there is no such Secret")
	if want := []string{"FailedMount: there is no such Secret"}; !slices.Equal(told, want) {
		t.Errorf("of events told %q", told)
	}
	newTeller(executor.Spec{}).warn("nobody listens")
}
