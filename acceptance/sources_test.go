package acceptance

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sourceFiles are a job, a context and an environment, in each form that a
// source may have.
var sourceFiles = map[string]string{
	"job.yaml": "name: sources\nworkflows: {run: {start: {action: a}}}\n" +
		"actions: {a: {image: 'builtin:auto-result', requirements: {context_paths: [rig.name]}}}\n",
	"job.json": `{"name": "sources", "workflows": {"run": {"start": {"action": "a"}}},
 "actions": {"a": {"image": "builtin:auto-result", "requirements": {"context_paths": ["rig.name"]}}}}`,
	"context.yaml": "rig: {name: rig-7}\n",
	"context.json": `{"rig": {"name": "rig-7"}}`,
	"vars.env":     "MESSAGE='told by a file'\n",
}

// Job, context and environment come from files and from the web alike, the
// first two as YAML or as JSON.
func TestSources(t *testing.T) {
	dir := t.TempDir()
	for name, text := range sourceFiles {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	kog, err := exec.LookPath("kog")
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{dir, server.URL} {
		for _, form := range []string{"yaml", "json"} {
			cmd := exec.Command(kog, "run", "--executor", "native", "--output", "quiet", "--state-dir", filepath.Join(dir, "state"),
				"-f", from+"/job."+form, "--context", from+"/context."+form, "--env-file", from+"/vars.env")
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), `"status":"success","message":"told by a file"`) {
				t.Errorf("%s from %s: %v\n%s", form, from, err, out)
			}
		}
	}
}
