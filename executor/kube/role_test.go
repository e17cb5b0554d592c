package kube_test

import (
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
	"gitlab.com/f5-pwe/kog/v3/executor/kube"
)

// documentedRole is the Role of docs/kubernetes.md, as it stands there.
func documentedRole(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, role, ok := strings.Cut(string(page), "```yaml\napiVersion: rbac")
	role, _, end := strings.Cut(role, "```")
	if !ok || !end {
		t.Fatal("docs/kubernetes.md has no Role")
	}
	return "apiVersion: rbac" + role
}

// as gives an executor whose user has only the documented rights.
func (c cluster) as(t *testing.T, role string) *kube.Executor {
	t.Helper()
	c.must(t, "create", "serviceaccount", "least")
	c.apply(t, role)
	c.must(t, "create", "rolebinding", "least", "--role=kog", "--serviceaccount="+c.namespace+":least")
	token := strings.TrimSpace(c.must(t, "create", "token", "least"))
	config := t.TempDir() + "/config"
	admin, err := os.ReadFile(os.Getenv("KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, admin, 0o600); err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSpace(c.must(t, "config", "current-context"))
	c.must(t, "--kubeconfig", config, "config", "set-credentials", "least", "--token="+token)
	c.must(t, "--kubeconfig", config, "config", "set-context", name, "--user=least", "--namespace="+c.namespace)
	x, err := kube.New(kube.Options{Kubeconfig: config})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestDocumentedRoleIsEnough(t *testing.T) {
	c := newCluster(t)
	x := c.as(t, documentedRole(t))
	needed, useful, err := x.Missing(t.Context())
	if err != nil || len(needed)+len(useful) > 0 {
		t.Fatalf("Missing() = %q, %q, %v; want nothing", needed, useful, err)
	}
	image := c.load(t, executortest.Plain(t))
	spec := executor.Spec{
		ID: "least", Image: image, Args: []string{"exit", "3"}, Labels: map[string]string{"kog.test/role": "least"},
		Env: map[string]string{"SECRET": "x"}, Files: []executor.File{{Path: "/in/context.json", Data: []byte("{}")}},
	}
	if err := x.Rehearse(t.Context(), spec); err != nil {
		t.Errorf("Rehearse: %v", err)
	}
	p, err := x.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if exit, err := p.Wait(t.Context()); err != nil || exit.Code != 3 {
		t.Errorf("Wait() = %+v, %v; want code 3", exit, err)
	}
	if err := p.Follow(t.Context(), io.Discard, io.Discard); err != nil {
		t.Errorf("Follow: %v", err)
	}
	spec.ID, spec.Args = "least-2", []string{"sleep", "1h"}
	running, err := x.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := running.Stop(t.Context(), time.Second); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if n, err := x.Sweep(t.Context(), spec.Labels); err != nil || n != 2 {
		t.Errorf("Sweep() = %d, %v; want 2 containers", n, err)
	}
	if left := c.leftovers(t); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestMissingRightsAreNamed(t *testing.T) {
	c := newCluster(t)
	role := strings.Replace(documentedRole(t), "verbs: [create, list, patch, delete, deletecollection]", "verbs: [list, patch, delete, deletecollection]", 1)
	x := c.as(t, role)
	want := "cannot create secrets in namespace " + c.namespace
	needed, _, err := x.Missing(t.Context())
	if err != nil || !slices.Equal(needed, []string{want}) {
		t.Errorf("Missing() = %q, %v; want %q", needed, err, want)
	}
	_, err = x.Start(t.Context(), executor.Spec{ID: "none", Image: "kog.test/none:1", Env: map[string]string{"A": "b"}})
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Start() = %v, want an error with %q", err, want)
	}
	if left := c.leftovers(t); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
