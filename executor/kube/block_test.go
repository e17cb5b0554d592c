package kube

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// values reads a block as it comes from a job file.
func values(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// settingErrors are "KEY: message" of all that is joined in an error.
func settingErrors(err error) []string {
	var setting *executor.SettingError
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, err := range joined.Unwrap() {
			all = append(all, settingErrors(err)...)
		}
		return all
	}
	if errors.As(err, &setting) {
		return []string{setting.Error()}
	}
	return []string{fmt.Sprint(err)}
}

func TestCheckBlockFindsMistakes(t *testing.T) {
	for _, test := range []struct {
		block string
		want  []string
	}{
		{`{"nodeSelectr": {}}`, []string{"kubernetes.nodeSelectr: unknown key: want one of affinity, annotations,"}},
		{`{"tolerations": [{"key": "a"}, {"kee": "b"}]}`, []string{"kubernetes.tolerations[1].kee: is no field"}},
		{`{"tolerations": [{"Key": "a"}]}`, []string{"kubernetes.tolerations[0].Key: is no field"}},
		{`{"nodeSelector": "a=b"}`, []string{"kubernetes.nodeSelector: text is not what Kubernetes wants here (a mapping)"}},
		{`{"nodeSelector": {"a": 1}}`, []string{"kubernetes.nodeSelector: a number is not what Kubernetes wants here (text)"}},
		{`{"tolerations": {}}`, []string{"kubernetes.tolerations: a mapping is not what Kubernetes wants here (a list)"}},
		{`{"hostNetwork": "yes"}`, []string{"kubernetes.hostNetwork: text is not what Kubernetes wants here (true or false)"}},
		{`{"resources": {"limits": {"memory": "a lot"}}}`, []string{"kubernetes.resources: quantities must match"}},
		{`{"patch": {"spec": {"nodeNme": "a", "containers": [{"name": "step", "imag": "x", "$patch": "merge"}]}}}`, []string{
			"kubernetes.patch.spec.containers[0].imag: is no field", "kubernetes.patch.spec.nodeNme: is no field",
		}},
		{`{"tolerations": [{"tolerationSeconds": 1.5}]}`, []string{"kubernetes.tolerations: tolerationSeconds: a number is not what Kubernetes wants here (a whole number)"}},
		{`{"patch": ["a"]}`, []string{"kubernetes.patch: want a mapping"}},
		{`{"patch": null}`, []string{"kubernetes.patch: want a mapping"}},
		{`{"patch": {"spec": []}}`, []string{"kubernetes.patch: spec: a list is not what Kubernetes wants here (a mapping)"}},
		{`{"affinity": 1, "zzz": 1}`, []string{"kubernetes.affinity: a number is not", "kubernetes.zzz: unknown key"}},
	} {
		got := settingErrors(CheckBlock(values(t, test.block)))
		slices.Sort(got)
		if len(got) != len(test.want) {
			t.Errorf("%s: got %q", test.block, got)
			continue
		}
		for i, want := range test.want {
			if !strings.HasPrefix(got[i], want) {
				t.Errorf("%s: got %q, want %q", test.block, got[i], want)
			}
		}
	}
}

func TestCheckBlockTakesEveryKey(t *testing.T) {
	block := `{
		"affinity": {"nodeAffinity": {}}, "annotations": {"a": "b"}, "hostNetwork": true, "imagePullSecrets": [{"name": "a"}],
		"labels": {"a": "b"}, "nodeSelector": {"a": "b"}, "patch": {"spec": {"$retainKeys": ["a"], "hostname": "h"}},
		"podSecurityContext": {"fsGroup": 5}, "priorityClassName": "high", "resources": {"requests": {"cpu": "100m"}},
		"runtimeClassName": "kata", "securityContext": {"runAsNonRoot": true}, "serviceAccountName": "sa",
		"tolerations": [{"key": "a", "tolerationSeconds": 5}]
	}`
	v := values(t, block)
	for _, key := range blockKeys() {
		if _, ok := v[key]; !ok {
			t.Errorf("the test has no %s", key)
		}
	}
	if err := errors.Join(CheckBlock(v), CheckBlock(nil)); err != nil {
		t.Error(err)
	}
}

// applied gives the template of a spec with a block.
func applied(t *testing.T, spec executor.Spec, block string) (*corev1.PodTemplateSpec, error) {
	t.Helper()
	spec.Kubernetes = values(t, block)
	p, err := pack(spec)
	if err != nil {
		t.Fatal(err)
	}
	return new(Executor).template(spec, p)
}

func TestBlockLiesOverTheSettings(t *testing.T) {
	got, err := applied(t, executor.Spec{
		ID: "a", Image: "i", Memory: 1 << 20, CPUs: 2, ReadOnly: true, CapDrop: []string{"ALL"}, Labels: map[string]string{"run": "1"},
	}, `{
		"labels": {"team": "x", "io.kog/id": "other", "run": "2"}, "annotations": {"note": "y"},
		"resources": {"limits": {"cpu": "1"}, "requests": {"memory": "1Ki"}},
		"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}},
		"serviceAccountName": "sa", "hostNetwork": true
	}`)
	if err != nil {
		t.Fatal(err)
	}
	c := got.Spec.Containers[0]
	limits, requests := c.Resources.Limits, c.Resources.Requests
	facts := map[string]any{
		"labels": got.Labels, "note": got.Annotations["note"],
		"memory": limits.Memory().String(), "cpu": limits.Cpu().String(), "request": requests.Memory().String(),
		"read-only": *c.SecurityContext.ReadOnlyRootFilesystem, "drop": c.SecurityContext.Capabilities.Drop,
		"add": c.SecurityContext.Capabilities.Add, "token": got.Spec.AutomountServiceAccountToken == nil,
		"host": got.Spec.HostNetwork, "dns": got.Spec.DNSPolicy,
	}
	want := map[string]any{
		"labels": map[string]string{labelRole: roleStep, labelStep: "a", "run": "1", "team": "x"}, "note": "y",
		"memory": "1Mi", "cpu": "1", "request": "1Ki", "read-only": true, "drop": []corev1.Capability{"ALL"},
		"add": []corev1.Capability{"NET_ADMIN"}, "token": true, "host": true, "dns": corev1.DNSClusterFirstWithHostNet,
	}
	if diff := cmp.Diff(want, facts); diff != "" {
		t.Error(diff)
	}
}

func TestPatch(t *testing.T) {
	spec := executor.Spec{ID: "a", Image: "i", Labels: map[string]string{"run": "1"}, Env: map[string]string{"A": "1"}}
	got, err := applied(t, spec, `{"patch": {
		"metadata": {"labels": {"x": "y", "io.kog/id": null}, "annotations": null},
		"spec": {"hostname": "h", "containers": [{"name": "step", "image": "other"}, {"name": "more", "image": "m"}]}
	}}`)
	if err != nil {
		t.Fatal(err)
	}
	var step corev1.Container
	for _, c := range got.Spec.Containers {
		if c.Name == containerName {
			step = c
		}
	}
	if got.Spec.Hostname != "h" || len(got.Spec.Containers) != 2 || step.Image != "other" || len(step.Env) != 1 {
		t.Errorf("got %+v", got.Spec)
	}
	if got.Labels[labelStep] != "a" || got.Labels["x"] != "y" || !carries(got.Annotations, spec.Labels) {
		t.Errorf("got %+v", got.ObjectMeta)
	}
	for patch, want := range map[string]string{
		`{"spec": {"containers": [{"name": "step", "$patch": "delete"}]}}`:                               "must stay: it is the step's own",
		`{"spec": {"restartPolicy": "OnFailure"}}`:                                                       "restartPolicy must stay Never",
		`{"spec": {"containers": [{"$patch": "replace"}, {"name": "other"}]}}`:                           "must stay: it is the step's own",
		`{"metadata": null, "spec": {"containers": [{"name": "step", "$patch": "what", "image": "x"}]}}`: "kubernetes.patch",
	} {
		_, err := applied(t, spec, `{"patch": `+patch+`}`)
		if got := settingErrors(err); len(got) != 1 || !strings.HasPrefix(got[0], "kubernetes.patch") || !strings.Contains(got[0], want) {
			t.Errorf("%s: got %q", patch, got)
		}
	}
}

func TestSettingOf(t *testing.T) {
	const spec = "spec.template.spec."
	for _, test := range []struct {
		field, block, want string
	}{
		{spec + "tolerations[0].operator", `{"tolerations": []}`, "kubernetes.tolerations[0].operator"},
		{spec + "securityContext.fsGroup", `{"podSecurityContext": {}}`, "kubernetes.podSecurityContext.fsGroup"},
		{spec + "containers[0].securityContext.privileged", `{"securityContext": {}, "podSecurityContext": {}}`, "kubernetes.securityContext.privileged"},
		{spec + "containers[0].resources.limits[cpu]", `{"resources": {}}`, "kubernetes.resources.limits[cpu]"},
		{"spec.template.labels", `{"labels": {}}`, "kubernetes.labels"},
		{"spec.template.annotations", `{"annotations": {}}`, "kubernetes.annotations"},
		{spec + "tolerations[0].operator", `{"patch": {}, "labels": {}}`, "kubernetes.patch"},
		{spec + "hostname", `{"labels": {}}`, "kubernetes"},
		{spec + "containers[0].image", `{}`, ""},
	} {
		if got := settingOf(test.field, values(t, test.block)); got != test.want {
			t.Errorf("%s with %s: got %q, want %q", test.field, test.block, got, test.want)
		}
	}
}
