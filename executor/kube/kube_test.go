package kube

import (
	"os"
	"path/filepath"
	"testing"
)

// TestClusterIsThatOfKubectl: without options, KUBECONFIG's files and their
// current context say where to go.
func TestClusterIsThatOfKubectl(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	clusters := write("clusters", `{apiVersion: v1, kind: Config, clusters: [
{name: near, cluster: {server: "https://near.example:6443"}},
{name: far, cluster: {server: "https://far.example:6443"}}], users: [{name: me, user: {token: x}}]}`)
	contexts := write("contexts", `{apiVersion: v1, kind: Config, current-context: here, contexts: [
{name: here, context: {cluster: near, user: me, namespace: lab}},
{name: there, context: {cluster: far, user: me}}]}`)
	t.Setenv("KUBECONFIG", clusters+string(os.PathListSeparator)+contexts)
	for _, test := range []struct {
		name            string
		options         Options
		host, namespace string
	}{
		{name: "current context", host: "https://near.example:6443", namespace: "lab"},
		{name: "another context", options: Options{Context: "there"}, host: "https://far.example:6443", namespace: "default"},
		{name: "another namespace", options: Options{Namespace: "mine"}, host: "https://near.example:6443", namespace: "mine"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, err := New(test.options)
			if err != nil {
				t.Fatal(err)
			}
			if e.config.Host != test.host || e.namespace != test.namespace || e.config.BearerToken != "x" {
				t.Errorf("goes to %s, namespace %s, want %s, %s and the user's token", e.config.Host, e.namespace, test.host, test.namespace)
			}
		})
	}
}

func TestNoClusterIsTold(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("KUBECONFIG", none)
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	_, err := New(Options{})
	if want := "kubernetes: there is no cluster configuration in " + none + ": set KUBECONFIG, or run inside a cluster"; err == nil || err.Error() != want {
		t.Errorf("New() = %v, want %q", err, want)
	}
}
