package acceptance

import (
	"os"
	"path/filepath"
	"testing"
)

const volumesJob = `
name: volumes
workflows:
  run:
    start: {action: write, success: second}
    second: {action: read}
actions:
  write:
    image: localhost/busybox:1
    entrypoint: [sh, -c]
    args: ["cat /secret/word /config/word >/workspace/words && echo claimed >/claim/word && echo lost >/empty/word && echo 'KOG:{\"result\": \"success\"}'"]
  read:
    image: localhost/busybox:1
    entrypoint: [sh, -c]
    args: ["cat /workspace/words /claim/word && ls /empty && echo 'KOG:{\"result\": \"success\"}'"]
`

const volumesClaim = `{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "acceptance"},
"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}`

// All kinds of volumes, and the run's own, which is gone afterwards.
func TestVolumesOnCluster(t *testing.T) {
	w := clusterWorld(t)
	dir := t.TempDir()
	job, claim := filepath.Join(dir, "job.yaml"), filepath.Join(dir, "claim.json")
	for name, text := range map[string]string{job: volumesJob, claim: volumesClaim} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, object := range [][]string{
		{"secret", "create", "secret", "generic", "acceptance", "--from-literal=word=from the Secret\n"},
		{"configmap", "create", "configmap", "acceptance", "--from-literal=word=from the ConfigMap\n"},
		{"pvc", "create", "-f", claim},
	} {
		if _, err := w.kubectl(t, object[1:]...); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := w.kubectl(t, "delete", object[0], "acceptance"); err != nil {
				t.Error(err)
			}
		})
	}
	out, err := w.command(t, "kog", "run", "-f", job, "--state-dir", dir, "--run-id", "volumes", "--executor", w.name, "--workspace", "1Mi",
		"--volume", "secret/acceptance:/secret", "--volume", "configmap/acceptance:/config", "--volume", "acceptance:/claim", "--volume", "empty:/empty").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got, err := os.ReadFile(filepath.Join(dir, "runs", "volumes", "logs", "0002-second.stdout.log"))
	const want = "from the Secret\nfrom the ConfigMap\nclaimed\nKOG:{\"result\": \"success\"}\n"
	if err != nil || string(got) != want {
		t.Errorf("the second step prints %q, %v", got, err)
	}
	for _, left := range w.left(t) {
		t.Errorf("left behind: %s", left)
	}
}
