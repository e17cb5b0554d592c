package kube

import (
	"context"
	"slices"
	"time"

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
	for {
		err := e.core.Post().Namespace(e.namespace).Resource("persistentvolumeclaims").Body(claim).Do(ctx).Error()
		if !apierrors.IsAlreadyExists(err) {
			return e.translate(ctx, createClaims, err)
		}
		going, err := e.isGoing(ctx, w)
		if err != nil || !going {
			return err
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
}

// look is how often something that changes by itself is looked at.
const look = 200 * time.Millisecond

// isGoing: a workspace of that name is being deleted, or just was.
func (e *Executor) isGoing(ctx context.Context, w executor.Workspace) (bool, error) {
	found, err := e.metadata(ctx, "persistentvolumeclaims", w.Labels)
	i := slices.IndexFunc(found, func(o metav1.ObjectMeta) bool { return o.Name == w.ID })
	return err == nil && (i < 0 || found[i].DeletionTimestamp != nil), err
}
