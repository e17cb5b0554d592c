package acceptance

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
)

const schemaFile = "../docs/events.schema.json"

// strictSchema compiles the schema of the stream with every field that it does
// not list refused, so that it lists all.
func strictSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc := readSchema(t)
	closeObjects(doc)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("events.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("events.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func readSchema(t *testing.T) map[string]any {
	t.Helper()
	data, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return doc.(map[string]any)
}

func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"].(map[string]any); ok {
			v["additionalProperties"] = false
		}
		for _, inner := range v {
			closeObjects(inner)
		}
	case []any:
		for _, inner := range v {
			closeObjects(inner)
		}
	}
}

func validate(s *jsonschema.Schema, line string) error {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

// Every payload with all its fields, and a real stream, are as the schema says.
func TestStreamHasItsSchema(t *testing.T) {
	s := strictSchema(t)
	full, err := os.ReadFile("../event/testdata/v1/run.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	progress, err := event.Encode(event.Event{Time: time.Now().UTC(), Run: "r", Payload: event.StepProgress{Attempt: 1, Message: "m", Warning: true, Done: 1, Total: 2}})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(full)+string(progress)+realStream(t)), "\n")
	for _, line := range lines {
		if err := validate(s, line); err != nil {
			t.Errorf("%s\n%v", line, err)
		}
	}
	if last := lines[len(lines)-1]; strings.Contains(last, `"kind"`) {
		t.Errorf("the last line is no result: %s", last)
	}
	seen := strings.Join(lines, "\n")
	for kind := range kinds(t) {
		if !strings.Contains(seen, `"kind":"`+kind+`"`) {
			t.Errorf("the schema has kind %s, which is never written", kind)
		}
	}
}

// realStream is the event stream of the tour.
func realStream(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		executortest.Unavailable(t, "native", "containers need Linux")
	}
	path, err := exec.LookPath("kog")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "run", "-f", "../examples/tour.yaml", "--executor", "native", "--output", "json", "--state-dir", t.TempDir())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 2 {
		t.Fatalf("%v, want return code 2\n%s", err, &stderr)
	}
	return stdout.String()
}

func TestSchemaRefuses(t *testing.T) {
	s := strictSchema(t)
	const finished = `{"seq":1,"time":"2026-01-02T03:04:05Z","run":"r","kind":"run_finished","v":1,"data":{"status":"success","message":"","steps":1}}`
	if err := validate(s, finished); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"v":1`, `"v":2`},
		{`"seq":1,`, ``},
		{`run_finished`, `run_ended`},
		{`"success"`, `"fine"`},
		{`2026-01-02T03`, `yesterday`},
		{`"steps":1`, `"steps":1,"new":1`},
	} {
		if line := strings.Replace(finished, change[0], change[1], 1); validate(s, line) == nil {
			t.Errorf("accepted: %s", line)
		}
	}
}

// kinds gives the fields of each kind's data, as the schema has them.
func kinds(t *testing.T) map[string][]string {
	t.Helper()
	var doc struct {
		Defs map[string]struct {
			Properties struct {
				Kind *struct{} `json:"kind"`
				Data struct {
					Properties map[string]struct {
						Properties map[string]any `json:"properties"`
					} `json:"properties"`
				} `json:"data"`
			} `json:"properties"`
		} `json:"$defs"`
	}
	data, err := json.Marshal(readSchema(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for kind, def := range doc.Defs {
		if def.Properties.Kind == nil {
			continue
		}
		out[kind] = []string{}
		for field, inner := range def.Properties.Data.Properties {
			out[kind] = append(out[kind], field)
			for name := range inner.Properties {
				out[kind] = append(out[kind], name)
			}
		}
	}
	return out
}

func TestEventsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	all := kinds(t)
	if len(all) < 10 {
		t.Errorf("only %d kinds", len(all))
	}
	for kind, fields := range all {
		_, section, ok := strings.Cut(string(doc), "### "+kind+"\n")
		if !ok {
			t.Errorf("docs/events.md has no section %s", kind)
		}
		section, _, _ = strings.Cut(section, "\n##")
		for _, field := range fields {
			if !strings.Contains(section, "`"+field+"`") {
				t.Errorf("docs/events.md: %s does not tell of %s", kind, field)
			}
		}
	}
}
