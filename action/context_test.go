package action_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/job"
)

func TestDocumentStampsOwnKeys(t *testing.T) {
	doc, err := action.Document(
		job.Values{"a": "<&>", "run_id": "forged", "big": json.Number("12345678901234567890")},
		action.Stamp{CorrelationID: "c", RunID: "r", TaskName: "t", Workflow: "run", StepName: "s", ActionName: "x", Logging: action.Logging{Formatter: "json"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	got, err := job.DecodeValues(doc)
	if err != nil {
		t.Fatal(err)
	}
	want := job.Values{
		"a": "<&>", "big": json.Number("12345678901234567890"),
		"correlation_id": "c", "run_id": "r", "task_name": "t", "workflow": "run", "step_name": "s", "action_name": "x",
		"logging":      map[string]any{"formatter": "json", "remote_logger": "", "remote_logger_addr": ""},
		"step_results": []any{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(job.Values{"a": "<&>", "big": json.Number("12345678901234567890")}, action.Strip(got)); diff != "" {
		t.Errorf("stripped (-want +got):\n%s", diff)
	}
}

func TestDocumentKeepsEarlierResultsSmall(t *testing.T) {
	stamp := action.Stamp{}
	for range 100 {
		stamp.StepResults = append(stamp.StepResults, action.StepResult{Result: job.Failure, Message: strings.Repeat("m", 5000)})
	}
	results := func(values job.Values) int {
		doc, err := action.Document(values, stamp)
		if err != nil {
			t.Fatal(err)
		}
		v, err := job.DecodeValues(doc)
		if err != nil {
			t.Fatal(err)
		}
		list, _ := v["step_results"].([]any)
		return len(list)
	}
	if n := results(nil); n != 100 {
		t.Errorf("small context: %d results, want 100", n)
	}
	if n := results(job.Values{"x": strings.Repeat("x", 60_000)}); n == 0 || n == 100 {
		t.Errorf("context near the limit: %d results, want some", n)
	}
	if n := results(job.Values{"x": strings.Repeat("x", 200_000)}); n != 100 {
		t.Errorf("context past the limit anyway: %d results, want 100", n)
	}
}

func TestDeliver(t *testing.T) {
	small := []byte(`{"a":1}`)
	encoded := base64.StdEncoding.EncodeToString(small)
	atLimit := []byte(strings.Repeat("x", action.MaxEnvDocument))
	over := append(atLimit, 'x')
	declares := map[string]string{"KOG_ENV_CONTEXT": "true"}
	readsFile := map[string]string{"KOG_ENV_CONTEXT": "true", "KOG_CONTEXT_FILE": "/etc/ctx.json"}
	if action.MaxEnvDocument != 98292 {
		t.Errorf("limit %d, want 98292", action.MaxEnvDocument)
	}
	for name, tc := range map[string]struct {
		doc   []byte
		image map[string]string
		path  string
		env   bool
		stdin bool
		err   error
	}{
		"new image":               {small, declares, "/run/kog/context.json", true, false, nil},
		"older image":             {small, map[string]string{}, "/run/kog/context.json", true, true, nil},
		"declares something else": {small, map[string]string{"KOG_ENV_CONTEXT": "no"}, "/run/kog/context.json", true, true, nil},
		"image cannot be read":    {small, nil, "/run/kog/context.json", true, false, nil},
		"image wants the file":    {small, readsFile, "/etc/ctx.json", true, false, nil},
		"at the limit":            {atLimit, declares, "/run/kog/context.json", true, false, nil},
		"over, env only":          {over, declares, "", false, false, action.ErrContextTooLarge},
		"over, unknown image":     {over, nil, "", false, false, action.ErrContextTooLarge},
		"over, reads the file":    {over, readsFile, "/etc/ctx.json", false, false, nil},
		"over, reads stdin":       {over, map[string]string{}, "/run/kog/context.json", false, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := action.Deliver(tc.doc, tc.image)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err != nil {
				return
			}
			value, env := d.Env["KOG_CONTEXT"]
			if env != tc.env || (d.Stdin != nil) != tc.stdin || d.Path != tc.path || d.Env["KOG_CONTEXT_FILE"] != tc.path {
				t.Errorf("env %v, stdin %v, path %q, KOG_CONTEXT_FILE %q", env, d.Stdin != nil, d.Path, d.Env["KOG_CONTEXT_FILE"])
			}
			if env && len("KOG_CONTEXT=")+len(value) > 131071 {
				t.Errorf("variable of %d bytes", len("KOG_CONTEXT=")+len(value))
			}
			if string(tc.doc) == string(small) && (value != encoded || tc.stdin && string(d.Stdin) != encoded+"\n") {
				t.Errorf("KOG_CONTEXT %q, stdin %q", value, d.Stdin)
			}
		})
	}
	for _, bad := range []string{"relative", "/", "/a/../b", "/a/"} {
		if _, err := action.Deliver(small, map[string]string{"KOG_CONTEXT_FILE": bad}); err == nil {
			t.Errorf("path %q accepted", bad)
		}
	}
}
