package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

var (
	deleteJobs    = call{"delete", "jobs"}
	deleteSecrets = call{"delete", "secrets"}
	purgeSecrets  = call{"deletecollection", "secrets"}
)

// removeJob deletes a Job with its pod and Secrets. Of a container that has
// ended it does not wait for the pod to go; one that runs is dead when it
// returns.
func (e *Executor) removeJob(ctx context.Context, p *process) error {
	pod, _, err := e.findPod(ctx, p.namespace, p.handle.ID, p.owner)
	if err != nil {
		return err
	}
	// The Job first: it would take a deleted pod for a failed one, no more.
	err = e.deleteOne(ctx, deleteJobs, p.object())
	if err != nil && !isGone(err) {
		return err
	}
	if err := e.purge(ctx, p.namespace, p.handle.ID); err != nil {
		return err
	}
	if pod == nil || ended(pod) {
		return nil
	}
	if err := p.deletePod(ctx, pod, 1); err != nil {
		if isGone(err) {
			return nil // the cluster was faster
		}
		return err
	}
	return p.observe(ctx, func(s sight) (bool, error) { return s.gone || ended(s.pod), nil })
}

// purge deletes the Secrets of one container, also those of a start that was
// cut short.
func (e *Executor) purge(ctx context.Context, namespace, id string) error {
	err := e.core.Delete().Namespace(namespace).Resource("secrets").
		Param(paramSelector, podSelector(id)).Do(ctx).Error()
	return e.translate(ctx, purgeSecrets, err)
}

// deleteOne deletes an object and, in the background, what it owns.
func (e *Executor) deleteOne(ctx context.Context, what call, o object) error {
	background := metav1.DeletePropagationBackground
	err := e.client(what).Delete().Namespace(o.namespace).Resource(what.resource).Name(o.name).Body(&metav1.DeleteOptions{
		PropagationPolicy: &background, Preconditions: &metav1.Preconditions{UID: &o.uid},
	}).Do(ctx).Error()
	return e.translate(ctx, what, err)
}

// Sweep removes every container with these labels, and whatever else carries
// them; see executor.Executor.
func (e *Executor) Sweep(ctx context.Context, labels map[string]string) (int, error) {
	if len(labels) == 0 {
		return 0, errors.New("sweep: no label is given")
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	n, err := e.sweepJobs(ctx, labels)
	if err == nil {
		err = e.sweepRest(ctx, labels)
	}
	if err != nil {
		return n, fmt.Errorf("sweep: %w", err)
	}
	return n, nil
}

func (e *Executor) sweepJobs(ctx context.Context, labels map[string]string) (int, error) {
	found, err := e.metadata(ctx, "jobs", labels)
	if err != nil {
		return 0, err
	}
	n := 0
	var failed []error
	for _, job := range found {
		p, err := e.process(executor.Handle{ID: job.Name, Ref: job.Namespace + "/" + string(job.UID)})
		if err == nil {
			err = e.removeJob(ctx, p)
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		n++
	}
	return n, errors.Join(failed...)
}

// sweepRest deletes what no Job owns: Secrets of a start that was cut short,
// and the volume of a run.
func (e *Executor) sweepRest(ctx context.Context, labels map[string]string) error {
	var failed []error
	for _, what := range []call{deleteSecrets, deleteClaims} {
		found, err := e.metadata(ctx, what.resource, labels)
		var right *rightError
		if what == deleteClaims && errors.As(err, &right) {
			continue // without rights on claims there can be no workspace
		}
		failed = append(failed, err)
		for _, o := range found {
			if err := e.deleteOne(ctx, what, object{o.Namespace, o.Name, o.UID}); !isGone(err) {
				failed = append(failed, err)
			}
		}
	}
	return errors.Join(failed...)
}

// metadata lists objects that carry all labels, without what is in them.
func (e *Executor) metadata(ctx context.Context, resource string, labels map[string]string) ([]metav1.ObjectMeta, error) {
	all, err := e.list(ctx, resource, selector(labels))
	return slices.DeleteFunc(all, func(o metav1.ObjectMeta) bool { return !carries(o.Annotations, labels) }), err
}

// list gives the metadata of what a selector finds.
func (e *Executor) list(ctx context.Context, resource, selector string) ([]metav1.ObjectMeta, error) {
	what := call{"list", resource}
	data, err := e.client(what).Get().Namespace(e.namespace).Resource(resource).Param(paramSelector, selector).
		SetHeader("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1").Do(ctx).Raw()
	if err != nil {
		return nil, e.translate(ctx, what, err)
	}
	var list metav1.PartialObjectMetadataList
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("list of %s: %w", resource, err)
	}
	var found []metav1.ObjectMeta
	for _, o := range list.Items {
		found = append(found, o.ObjectMeta)
	}
	return found, nil
}
