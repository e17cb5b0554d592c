package kube

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

var (
	createClaims = call{"create", "persistentvolumeclaims"}
	deleteClaims = call{"delete", "persistentvolumeclaims"}
)

// makeWorkspace claims the volume of a run, unless that was done before.
func (e *Executor) makeWorkspace(ctx context.Context, w executor.Workspace) error {
	if w.ID == "" {
		return nil
	}
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: w.ID, Labels: labels(w.Labels, roleShared, ""), Annotations: annotations(w.Labels)},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceStorage: *resource.NewQuantity(w.Size, resource.BinarySI),
			}},
		},
	}
	err := e.core.Post().Namespace(e.namespace).Resource("persistentvolumeclaims").Body(claim).Do(ctx).Error()
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return e.translate(ctx, createClaims, err)
}
