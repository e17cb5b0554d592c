package kube

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	kjson "sigs.k8s.io/json"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// blockKey is the setting of an action that only this executor reads.
const blockKey = "kubernetes"

// block is what may stand in it. Names and meanings are those of Kubernetes's
// own pod and container; podSecurityContext is the pod's securityContext.
type block struct {
	Affinity           *corev1.Affinity              `json:"affinity"`
	Annotations        map[string]string             `json:"annotations"`
	HostNetwork        *bool                         `json:"hostNetwork"`
	ImagePullSecrets   []corev1.LocalObjectReference `json:"imagePullSecrets"`
	Labels             map[string]string             `json:"labels"`
	NodeSelector       map[string]string             `json:"nodeSelector"`
	Patch              json.RawMessage               `json:"patch"`
	PodSecurityContext *corev1.PodSecurityContext    `json:"podSecurityContext"`
	PriorityClassName  string                        `json:"priorityClassName"`
	Resources          *corev1.ResourceRequirements  `json:"resources"`
	RuntimeClassName   *string                       `json:"runtimeClassName"`
	SecurityContext    *corev1.SecurityContext       `json:"securityContext"`
	ServiceAccountName string                        `json:"serviceAccountName"`
	Tolerations        []corev1.Toleration           `json:"tolerations"`
}

// blockKeys are the names of block's fields, in order.
var blockKeys = sync.OnceValue(func() []string {
	var keys []string
	for f := range reflect.TypeFor[block]().Fields() {
		keys = append(keys, f.Tag.Get("json"))
	}
	return keys
})

// CheckBlock finds mistakes in a block that take no cluster to find. They are
// joined *executor.SettingError.
func CheckBlock(values map[string]any) error {
	_, err := parseBlock(values)
	return err
}

// parseBlock reads a block key by key, so that a mistake in one hides none in
// another.
func parseBlock(values map[string]any) (block, error) {
	var b block
	var found []error
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(blockKeys(), key) {
			found = append(found, setting(key, fmt.Errorf("unknown key: want one of %s", strings.Join(blockKeys(), ", "))))
			continue
		}
		data, err := json.Marshal(map[string]any{key: values[key]})
		if err == nil {
			err = b.read(key, data)
		}
		found = append(found, err)
	}
	if b.Patch != nil {
		found = append(found, checkPatch(b.Patch))
	}
	return b, errors.Join(found...)
}

func (b *block) read(key string, data []byte) error {
	unknown, err := kjson.UnmarshalStrict(data, b, kjson.DisallowUnknownFields)
	if err != nil {
		return setting(key, plain(key, err))
	}
	return unknownFields("", unknown)
}

// unknownFields gives a library's findings, each with its place.
func unknownFields(under string, found []error) error {
	var out []error
	for _, err := range found {
		path, ok := err.(kjson.FieldError) //nolint:errorlint // the library's own list, nothing is wrapped
		if !ok {
			out = append(out, setting(strings.TrimSuffix(under, "."), err))
			continue
		}
		out = append(out, setting(under+path.FieldPath(), errors.New("is no field that Kubernetes has")))
	}
	return errors.Join(out...)
}

// plain says what is wrong with a value under a key in words of the job file.
func plain(key string, err error) error {
	var typed *json.UnmarshalTypeError
	if !errors.As(err, &typed) {
		return err
	}
	at := strings.TrimPrefix(strings.TrimPrefix(typed.Field, key), ".")
	if at != "" {
		at += ": "
	}
	what, _, _ := strings.Cut(typed.Value, " ") // a number may stand behind
	is := map[string]string{"object": "a mapping", "array": "a list", "bool": "true or false", "string": "text", "number": "a number"}[what]
	return fmt.Errorf("%s%s is not what Kubernetes wants here (%s)", at, cmp.Or(is, typed.Value), kind(typed.Type))
}

func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Map, reflect.Struct:
		return "a mapping"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.Pointer:
		return kind(t.Elem())
	case reflect.String:
		return "text"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number"
}

func setting(key string, err error) error {
	return &executor.SettingError{Key: strings.TrimSuffix(blockKey+"."+key, "."), Err: err}
}

// checkPatch finds fields that a pod does not have. The directives of a
// strategic merge patch, which begin with a dollar, are none of them.
func checkPatch(patch []byte) error {
	var values any
	if err := json.Unmarshal(patch, &values); err != nil {
		return setting("patch", err)
	}
	if _, ok := values.(map[string]any); !ok {
		return setting("patch", errors.New("want a mapping with metadata and spec, as in a pod's template"))
	}
	data, err := json.Marshal(withoutDirectives(values))
	if err != nil {
		return setting("patch", err)
	}
	var template corev1.PodTemplateSpec
	unknown, err := kjson.UnmarshalStrict(data, &template, kjson.DisallowUnknownFields)
	if err != nil {
		return setting("patch", plain("", err))
	}
	return unknownFields("patch.", unknown)
}

func withoutDirectives(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, inner := range v {
			if !strings.HasPrefix(k, "$") {
				out[k] = withoutDirectives(inner)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = withoutDirectives(inner)
		}
		return out
	}
	return v
}

// applyBlock lays a block over a template that has everything else.
func applyBlock(t *corev1.PodTemplateSpec, values map[string]any) (*corev1.PodTemplateSpec, error) {
	if len(values) == 0 {
		return t, nil
	}
	b, err := parseBlock(values)
	if err != nil {
		return nil, err
	}
	own := t.DeepCopy()
	b.pod(t)
	if err := b.container(&t.Spec.Containers[0]); err != nil {
		return nil, err
	}
	if b.Patch != nil {
		if t, err = patched(t, b.Patch); err != nil {
			return nil, setting("patch", err)
		}
	}
	return t, keepOwn(t, own)
}

func (b *block) pod(t *corev1.PodTemplateSpec) {
	merge(t.Annotations, b.Annotations)
	merge(t.Labels, b.Labels)
	t.Spec.Affinity, t.Spec.NodeSelector, t.Spec.Tolerations = b.Affinity, b.NodeSelector, b.Tolerations
	t.Spec.ImagePullSecrets, t.Spec.PriorityClassName = b.ImagePullSecrets, b.PriorityClassName
	t.Spec.RuntimeClassName, t.Spec.SecurityContext = b.RuntimeClassName, b.PodSecurityContext
	if b.ServiceAccountName != "" {
		// Whoever names an account wants to use it.
		t.Spec.ServiceAccountName, t.Spec.AutomountServiceAccountToken = b.ServiceAccountName, nil
	}
	if b.HostNetwork != nil {
		t.Spec.HostNetwork = *b.HostNetwork
		if t.Spec.DNSPolicy == "" && t.Spec.HostNetwork {
			t.Spec.DNSPolicy = corev1.DNSClusterFirstWithHostNet
		}
	}
}

// merge keeps what is there.
func merge(to, from map[string]string) {
	for k, v := range from {
		if _, ok := to[k]; !ok {
			to[k] = v
		}
	}
}

// container lays the block over what the portable settings said: what both say
// is the block's.
func (b *block) container(c *corev1.Container) error {
	if b.Resources != nil {
		for name, q := range c.Resources.Limits {
			if b.Resources.Limits == nil {
				b.Resources.Limits = corev1.ResourceList{}
			}
			if _, ok := b.Resources.Limits[name]; !ok {
				b.Resources.Limits[name] = q
			}
		}
		c.Resources = *b.Resources
	}
	if b.SecurityContext == nil {
		return nil
	}
	over, err := json.Marshal(b.SecurityContext)
	if err != nil {
		return err
	}
	return json.Unmarshal(over, c.SecurityContext)
}

func patched(t *corev1.PodTemplateSpec, patch []byte) (*corev1.PodTemplateSpec, error) {
	original, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	merged, err := strategicpatch.StrategicMergePatch(original, patch, corev1.PodTemplateSpec{})
	if err != nil {
		return nil, err
	}
	var out corev1.PodTemplateSpec
	return &out, json.Unmarshal(merged, &out)
}

// keepOwn refuses a patch that takes away what kog needs to find the container,
// and gives the labels back that it lives by.
func keepOwn(t, own *corev1.PodTemplateSpec) error {
	if !slices.ContainsFunc(t.Spec.Containers, func(c corev1.Container) bool { return c.Name == containerName }) {
		return setting("patch", fmt.Errorf("the container %s must stay: it is the step's own", containerName))
	}
	if t.Spec.RestartPolicy != corev1.RestartPolicyNever {
		return setting("patch", errors.New("restartPolicy must stay Never: a step is never executed twice"))
	}
	if t.Labels == nil {
		t.Labels = map[string]string{}
	}
	if t.Annotations == nil {
		t.Annotations = map[string]string{}
	}
	maps.Copy(t.Labels, own.Labels)
	maps.Copy(t.Annotations, own.Annotations)
	return nil
}

// podFields are the settings behind the fields of a Job, of which the server
// speaks in its refusals. The first that fits counts.
var podFields = sync.OnceValue(func() []struct {
	field *regexp.Regexp
	key   string
} {
	var table []struct {
		field *regexp.Regexp
		key   string
	}
	const spec, container = `^spec\.template\.spec\.`, `^spec\.template\.spec\.containers\[0\]\.`
	for _, row := range []struct{ field, key string }{
		{spec + "affinity", "affinity"},
		{spec + "nodeSelector", "nodeSelector"},
		{spec + "tolerations", "tolerations"},
		{spec + "imagePullSecrets", "imagePullSecrets"},
		{spec + "priorityClassName", "priorityClassName"},
		{spec + "runtimeClassName", "runtimeClassName"},
		{spec + "serviceAccountName", "serviceAccountName"},
		{spec + "securityContext", "podSecurityContext"},
		{spec + "hostNetwork", "hostNetwork"},
		{`^spec\.template\.labels`, "labels"},
		{`^spec\.template\.(metadata\.)?annotations`, "annotations"},
		{container + "securityContext", "securityContext"},
		{container + "resources", "resources"},
	} {
		table = append(table, struct {
			field *regexp.Regexp
			key   string
		}{regexp.MustCompile(row.field), row.key})
	}
	return table
})

// settingOf gives the way to the setting behind a field of a Job.
func settingOf(field string, values map[string]any) string {
	for _, row := range podFields() {
		if at := row.field.FindString(field); at != "" {
			if _, ok := values[row.key]; ok {
				return blockKey + "." + row.key + field[len(at):]
			}
		}
	}
	if _, ok := values["patch"]; ok {
		return blockKey + ".patch"
	}
	if len(values) > 0 {
		return blockKey
	}
	return ""
}
