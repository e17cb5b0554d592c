package kube

import (
	"context"
	"errors"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

var createJobs = call{"create", "jobs"}

// Start starts one container, or finds the one that was started under the same
// ID; see executor.Executor.
func (e *Executor) Start(ctx context.Context, spec executor.Spec) (executor.Process, error) {
	if err := spec.Check(); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	p, err := e.start(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("start container %s: %w", spec.ID, err)
	}
	return p, nil
}

func (e *Executor) start(ctx context.Context, spec executor.Spec) (*process, error) {
	parcel, err := pack(spec)
	if err != nil {
		return nil, err
	}
	want, err := e.newJob(spec, parcel)
	if err != nil {
		return nil, err
	}
	job, err := e.claim(ctx, spec, want, parcel)
	if err != nil {
		return nil, err
	}
	p, err := e.process(handle(job))
	if err != nil {
		return nil, err
	}
	if err := p.awaitStart(ctx, newTeller(spec)); err != nil {
		return nil, err
	}
	return p, nil
}

// claim makes the Job, which no two can do under one name. It gives the one
// that is there when somebody else has made it.
func (e *Executor) claim(ctx context.Context, spec executor.Spec, want *batchv1.Job, parcel *parcel) (*batchv1.Job, error) {
	err := e.makeWorkspace(ctx, spec.Workspace)
	if err == nil {
		err = e.createSecrets(ctx, parcel)
	}
	var job *batchv1.Job
	if err == nil {
		job, err = e.createJob(ctx, want, newTeller(spec))
	}
	switch {
	case err == nil:
		return job, e.ownOrRemove(ctx, parcel, job)
	case errors.Is(err, errTaken):
		if err := e.deleteSecrets(ctx, parcel.names()); err != nil {
			return nil, err
		}
		return e.adopt(ctx, spec.ID)
	case ctx.Err() != nil, errors.Is(err, executor.ErrEngineGone):
		return nil, err // whether the Job is there is not known, and it needs its Secrets
	}
	return nil, errors.Join(err, e.deleteSecrets(ctx, parcel.names()))
}

// ownOrRemove takes the Job back when its Secrets would outlive it.
func (e *Executor) ownOrRemove(ctx context.Context, parcel *parcel, job *batchv1.Job) error {
	err := e.own(ctx, parcel.names(), job.Name, job.UID)
	if err == nil || ctx.Err() != nil || errors.Is(err, executor.ErrEngineGone) {
		return err // a second Start does it
	}
	p, perr := e.process(handle(job))
	if perr != nil {
		return perr
	}
	return errors.Join(err, e.removeJob(ctx, p))
}

var errTaken = errors.New("the name is taken")

// createJob waits while a quota has no room.
func (e *Executor) createJob(ctx context.Context, want *batchv1.Job, tell *teller) (*batchv1.Job, error) {
	for {
		var job batchv1.Job
		err := e.batch.Post().Namespace(e.namespace).Resource("jobs").Body(want).Do(ctx).Into(&job)
		switch {
		case apierrors.IsAlreadyExists(err):
			return nil, errTaken
		case isQuota(err):
			tell.warn(e.translate(ctx, createJobs, err).Error())
			if err := pause(ctx, lookAround); err != nil {
				return nil, err
			}
			continue
		}
		return &job, e.translate(ctx, createJobs, err)
	}
}

// adopt finds the Job that somebody else has made, and does what its maker may
// have had no time for.
func (e *Executor) adopt(ctx context.Context, id string) (*batchv1.Job, error) {
	job, err := e.job(ctx, e.namespace, id)
	if err != nil {
		return nil, err
	}
	if job.Labels[labelRole] != roleStep {
		return nil, fmt.Errorf("namespace %s has a job of that name which is not kog's; delete or rename it", e.namespace)
	}
	used := secretsOf(job)
	found, err := e.list(ctx, "secrets", podSelector(id))
	if err != nil {
		return nil, err
	}
	for _, s := range found {
		if used[s.Name] && len(s.OwnerReferences) == 0 {
			if err := e.own(ctx, []string{s.Name}, job.Name, job.UID); err != nil && !isGone(err) {
				return nil, err
			}
		}
	}
	return job, nil
}

// secretsOf are the Secrets that a Job's pod reads.
func secretsOf(job *batchv1.Job) map[string]bool {
	used := map[string]bool{}
	for _, c := range job.Spec.Template.Spec.Containers {
		for _, v := range c.Env {
			if v.ValueFrom != nil && v.ValueFrom.SecretKeyRef != nil {
				used[v.ValueFrom.SecretKeyRef.Name] = true
			}
		}
	}
	for _, v := range job.Spec.Template.Spec.Volumes {
		if v.Secret != nil {
			used[v.Secret.SecretName] = true
		}
	}
	return used
}

// Rehearse lets the cluster look at a spec; see executor.Rehearser.
func (e *Executor) Rehearse(ctx context.Context, spec executor.Spec) error {
	parcel, err := pack(spec)
	if err != nil {
		return err
	}
	job, err := e.newJob(spec, parcel)
	if err != nil {
		return err
	}
	err = e.batch.Post().Namespace(e.namespace).Resource("jobs").Param("dryRun", "All").Body(job).Do(ctx).Error()
	if isQuota(err) || apierrors.IsAlreadyExists(err) {
		return nil // there may be room when its time comes
	}
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return e.translate(ctx, createJobs, err)
	}
	var found []error
	for _, cause := range status.Status().Details.Causes {
		err := errors.New(cause.Message)
		if key := settingOf(cause.Field, spec.Kubernetes); key != "" {
			err = &executor.SettingError{Key: key, Err: err}
		} else {
			err = fmt.Errorf("%s: %w", cause.Field, err)
		}
		found = append(found, err)
	}
	return errors.Join(found...)
}
