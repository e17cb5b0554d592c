package kube

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// secretSize is how much is put into one Secret, in bytes. A cluster takes
// 1 MiB (source: corev1.MaxSecretSize), a bit of which is for names.
const secretSize = corev1.MaxSecretSize - 16<<10

var (
	createSecrets = call{"create", "secrets"}
	patchSecrets  = call{"patch", "secrets"}
)

// ref is a place in a Secret.
type ref struct{ secret, key string }

// parcel is all secret data of one container, spread over Secrets.
type parcel struct {
	prefix  string
	secrets []*corev1.Secret
	free    []int
	env     map[string]ref
	// files gives the parts of each file, in order. A small file has one.
	files [][]ref
}

// pack puts the environment and files of a spec into Secrets. Their names are
// new ones each time, so that two starts of one ID do not touch each other's.
func pack(spec executor.Spec) (*parcel, error) {
	p := &parcel{prefix: spec.ID + "-" + strings.ToLower(rand.Text()[:8]), env: map[string]ref{}}
	for i, name := range slices.Sorted(maps.Keys(spec.Env)) {
		value := spec.Env[name]
		if !utf8.ValidString(value) {
			return nil, fmt.Errorf("environment variable %s: its value is not UTF-8, which Kubernetes cannot pass on: %w", name, executor.ErrUnsupported)
		}
		p.env[name] = p.put(fmt.Sprintf("env-%d", i), []byte(value))
	}
	for i, f := range spec.Files {
		var parts []ref
		for n, part := range slices.Collect(slices.Chunk(f.Data, secretSize)) {
			parts = append(parts, p.put(fmt.Sprintf("file-%d-%06d", i, n), part))
		}
		if parts == nil {
			parts = []ref{p.put(fmt.Sprintf("file-%d-%06d", i, 0), nil)}
		}
		p.files = append(p.files, parts)
	}
	for _, s := range p.secrets {
		s.Labels = labels(spec.Labels, roleStep, spec.ID)
		s.Annotations = annotations(spec.Labels)
	}
	return p, nil
}

// put finds room for a value, in a new Secret if need be.
func (p *parcel) put(key string, value []byte) ref {
	i := slices.IndexFunc(p.free, func(free int) bool { return free >= len(value) })
	if i < 0 {
		i = len(p.secrets)
		immutable := true
		p.secrets = append(p.secrets, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", p.prefix, i)},
			Immutable:  &immutable, Data: map[string][]byte{},
		})
		p.free = append(p.free, secretSize)
	}
	p.secrets[i].Data[key] = value
	p.free[i] -= len(value)
	return ref{p.secrets[i].Name, key}
}

func (p *parcel) names() []string {
	names := make([]string, len(p.secrets))
	for i, s := range p.secrets {
		names[i] = s.Name
	}
	return names
}

func (e *Executor) createSecrets(ctx context.Context, p *parcel) error {
	for _, s := range p.secrets {
		err := e.core.Post().Namespace(e.namespace).Resource("secrets").Body(s).Do(ctx).Error()
		if err != nil {
			return e.translate(ctx, createSecrets, err)
		}
	}
	return nil
}

func (e *Executor) deleteSecrets(ctx context.Context, names []string) error {
	for _, name := range names {
		err := e.core.Delete().Namespace(e.namespace).Resource("secrets").Name(name).Do(ctx).Error()
		if err := e.translate(ctx, deleteSecrets, err); err != nil && !isGone(err) {
			return err
		}
	}
	return nil
}

// own makes Secrets go with their Job.
func (e *Executor) own(ctx context.Context, names []string, job string, uid types.UID) error {
	for _, name := range names {
		err := e.patch(ctx, patchSecrets, object{namespace: e.namespace, name: name}, map[string]any{
			"metadata": map[string]any{"ownerReferences": []metav1.OwnerReference{
				{APIVersion: "batch/v1", Kind: "Job", Name: job, UID: uid},
			}},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
