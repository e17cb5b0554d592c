package kog_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3"
	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
	"gitlab.com/f5-pwe/kog/v3/job"
)

const document = `
name: library
correlation_id: from-file
workflows:
  run:
    start: {action: a, success: second}
    second: {action: a}
  other:
    start: {action: a}
actions: {a: {image: tool, version: 1}}
context: {a: {x: 1, y: 2}}
`

// newRunner gives a Runner over a fake engine whose one image prints what it is told.
func newRunner(t *testing.T) (*kog.Runner, *fake.Host) {
	t.Helper()
	host := fake.NewHost()
	t.Cleanup(host.Close)
	host.AddImage("tool:1", fake.Image{Program: func(_ context.Context, p *fake.Proc) executor.Exit {
		message, _ := p.Getenv("MESSAGE")
		_, _ = fmt.Fprintf(p.Stdout, "hello\nKOG:{\"result\":\"success\",\"message\":%q}\n", message)
		return executor.Exit{}
	}})
	return &kog.Runner{Executor: host.Executor(), StateDir: t.TempDir()}, host
}

func parse(t *testing.T) *job.Job {
	t.Helper()
	j, err := job.Parse("job.yaml", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// started reads the first event of a run.
func started(t *testing.T, r *kog.Runner, id string) event.RunStarted {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.StateDir, "runs", id, "events.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	e, err := event.Decode([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	return e.Payload.(event.RunStarted)
}

func TestRun(t *testing.T) {
	r, host := newRunner(t)
	r.Env = map[string]string{"MESSAGE": "s3cret-value"}
	var out lines
	r.Output = &out
	result, err := r.Run(context.Background(), kog.Request{Job: parse(t), RunID: "lib-1", Context: job.Values{"a": map[string]any{"y": "new"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := kog.Result{CorrelationID: "from-file", TaskName: "library", Status: job.Success, Message: "s3cret-value", RunID: "lib-1"}
	if result != want {
		t.Errorf("result %+v, want %+v", result, want)
	}
	if n := strings.Count(out.String(), "hello"); n != 2 {
		t.Errorf("the second output got %d lines", n)
	}
	first := started(t, r, "lib-1")
	if fmt.Sprint(first.Context) != "map[a:map[x:1 y:new]]" || fmt.Sprint(first.Options.EnvNames) != "[MESSAGE]" {
		t.Errorf("context %v, names %v", first.Context, first.Options.EnvNames)
	}
	log, err := os.ReadFile(filepath.Join(r.StateDir, "runs", "lib-1", "logs", "0002-second.stdout.log"))
	if err != nil || !strings.HasPrefix(string(log), "hello\n") {
		t.Errorf("log %q, %v", log, err)
	}
	if left := host.Left(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := r.Run(context.Background(), kog.Request{Job: parse(t), RunID: "lib-1"}); !errors.Is(err, kog.ErrRunExists) {
		t.Errorf("a second run of the same ID: %v", err)
	}
	again, err := r.Resume(context.Background(), "lib-1")
	if err != nil || again != want {
		t.Errorf("a run that has ended, resumed: %+v, %v", again, err)
	}
	if _, err := r.Resume(context.Background(), "nobody"); !errors.Is(err, kog.ErrRunNotFound) {
		t.Errorf("resume of nothing: %v", err)
	}
}

// What a Runner says about logging is in the context of every step.
func TestLoggingIsTold(t *testing.T) {
	for want, change := range map[string]func(*kog.Runner){
		`{"formatter":"logfmt","remote_logger":"","remote_logger_addr":""}`: func(*kog.Runner) {},
		`{"formatter":"json","remote_logger":"syslog","remote_logger_addr":"tcp://log:514"}`: func(r *kog.Runner) {
			r.LogFormatter, r.RemoteLogger, r.RemoteLoggerAddr = "json", "syslog", "tcp://log:514"
		},
	} {
		r, host := newRunner(t)
		var got []string
		host.AddImage("tool:1", fake.Image{Program: func(_ context.Context, p *fake.Proc) executor.Exit {
			encoded, _ := p.Getenv(action.EnvContext)
			values, err := base64.StdEncoding.DecodeString(encoded)
			var doc struct{ Logging json.RawMessage }
			if err := errors.Join(err, json.Unmarshal(values, &doc)); err != nil {
				t.Error(err)
			}
			got = append(got, string(doc.Logging))
			_, _ = fmt.Fprintln(p.Stdout, `KOG:{"result":"success"}`)
			return executor.Exit{}
		}})
		change(r)
		if _, err := r.Run(context.Background(), kog.Request{Job: parse(t)}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, []string{want, want}) {
			t.Errorf("%q, want %s in both steps", got, want)
		}
	}
}

func TestCorrelationID(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*kog.Request)
		want   string
	}{
		"of the file":    {func(*kog.Request) {}, "from-file"},
		"of the context": {func(q *kog.Request) { q.Context = job.Values{"correlation_id": "from-context"} }, "from-context"},
		"of the request": {func(q *kog.Request) {
			q.CorrelationID, q.Context = "from-request", job.Values{"correlation_id": "from-context"}
		}, "from-request"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := newRunner(t)
			q := kog.Request{Job: parse(t)}
			tc.change(&q)
			result, err := r.Run(context.Background(), q)
			if err != nil || result.CorrelationID != tc.want {
				t.Errorf("%q, %v; want %q", result.CorrelationID, err, tc.want)
			}
		})
	}
	r, _ := newRunner(t)
	j := parse(t)
	j.CorrelationID = ""
	result, err := r.Run(context.Background(), kog.Request{Job: j})
	if err != nil || len(result.CorrelationID) != 20 || result.CorrelationID == result.RunID {
		t.Errorf("generated: %+v, %v", result, err)
	}
}

func TestRunRefuses(t *testing.T) {
	r, _ := newRunner(t)
	for name, q := range map[string]kog.Request{
		"no such step":     {Job: parse(t), Start: job.Cursor{Workflow: "run", Step: "nowhere"}},
		"no such workflow": {Job: parse(t), Start: job.Cursor{Workflow: "nope", Step: "start"}},
		"bad run ID":       {Job: parse(t), RunID: "A/B"},
	} {
		if result, err := r.Run(context.Background(), q); err == nil {
			t.Errorf("%s: %+v", name, result)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(r.StateDir, "runs")); err == nil && len(entries) > 0 {
		t.Errorf("%d runs were made", len(entries))
	}
}

func TestResume(t *testing.T) {
	r, host := newRunner(t)
	r.Env = map[string]string{"MESSAGE": "first"}
	back := host.Inject(fake.Fault{Op: fake.OpWait, Hang: true})
	ctx, cancel := context.WithCancel(context.Background())
	r.Sink = sinkFunc(func(e event.Event) {
		if e.Payload.Kind() == "step_started" {
			cancel()
		}
	})
	result, err := r.Run(ctx, kog.Request{Job: parse(t), Document: []byte(document), RunID: "lib-2"})
	if !errors.Is(err, context.Canceled) || result.RunID != "lib-2" || result.Status != "" {
		t.Fatalf("left: %+v, %v", result, err)
	}
	back()
	r.Sink = nil

	r.Env = nil
	if _, err := r.Resume(context.Background(), "lib-2"); err == nil || !strings.Contains(err.Error(), "environment variable MESSAGE") {
		t.Errorf("without its environment: %v", err)
	}
	r.Env = map[string]string{"MESSAGE": "second"}
	file := filepath.Join(r.StateDir, "runs", "lib-2", "job.yaml")
	if err := os.WriteFile(file, []byte(document+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Resume(context.Background(), "lib-2"); err == nil || !strings.Contains(err.Error(), "was changed") {
		t.Errorf("with another document: %v", err)
	}
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	other := &kog.Runner{Executor: renamed{r.Executor}, StateDir: r.StateDir, Env: r.Env}
	if _, err := other.Resume(context.Background(), "lib-2"); err == nil || !strings.Contains(err.Error(), "started with executor fake, not other") {
		t.Errorf("with another executor: %v", err)
	}
	result, err = r.Resume(context.Background(), "lib-2")
	if err != nil || result.Status != job.Success || result.Message != "second" {
		t.Errorf("resumed: %+v, %v", result, err)
	}
	if twice := host.Repeated(); len(twice) > 0 || len(host.Left()) > 0 {
		t.Errorf("started twice: %v, left behind: %v", twice, host.Left())
	}
}

func TestDefaultStateDir(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/x/state")
	if dir := kog.DefaultStateDir(); dir != "/x/state/kog" {
		t.Error(dir)
	}
	t.Setenv("XDG_STATE_HOME", "relative, so it does not count")
	if dir := kog.DefaultStateDir(); !filepath.IsAbs(dir) || filepath.Base(dir) != "kog" {
		t.Error(dir)
	}
}

// sinkFunc is a kog.Sink.
type sinkFunc func(event.Event)

func (f sinkFunc) Handle(_ context.Context, e event.Event, _ event.State) { f(e) }

// renamed is an executor under another name.
type renamed struct{ executor.Executor }

func (renamed) Probe(context.Context) (executor.Info, error) {
	return executor.Info{Name: "other"}, nil
}

// lines is a kog.Output that keeps everything.
type lines struct{ strings.Builder }

func (l *lines) Open(string, event.OpenStep) (stdout, stderr io.WriteCloser, err error) {
	return keep{l}, keep{&lines{}}, nil
}

type keep struct{ *lines }

func (keep) Close() error { return nil }
