package kog_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"gitlab.com/f5-pwe/kog/v3"
	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
	"gitlab.com/f5-pwe/kog/v3/job"
)

const (
	envSecret    = `hunt"er2<x>`
	baseSecret   = "imported-value"
	actionSecret = "written in the job"
	namedSecret  = "by-its-name"
)

const secretDocument = `
name: secrets
workflows:
  run:
    start: {action: a, success: second}
    second: {action: a, success: third}
    third: {action: a}
actions: {a: {image: secrets, version: 1, env: {A_PASSWORD: written in the job}}}
`

// secretWorld has an image that shows its secrets wherever it can, and keeps
// the contexts that it was given.
type secretWorld struct {
	*kog.Runner
	host *fake.Host
	logs bytes.Buffer

	mu       sync.Mutex
	contexts []string
	labels   []string
}

func newSecretWorld(t *testing.T) *secretWorld {
	t.Helper()
	w := &secretWorld{}
	w.Runner, w.host = newRunner(t)
	w.host.AddImage("secrets:1", fake.Image{Program: func(_ context.Context, p *fake.Proc) executor.Exit {
		encoded, _ := p.Getenv("KOG_CONTEXT")
		data, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return executor.Exit{Code: 9}
		}
		w.mu.Lock()
		w.contexts = append(w.contexts, string(data))
		w.labels = append(w.labels, fmt.Sprint(p.Spec.Labels))
		w.mu.Unlock()
		token, _ := p.Getenv("TOKEN")
		_, _ = fmt.Fprintf(p.Stdout, "token %s %x and ", token, token)
		for _, b := range []byte(token + baseSecret + actionSecret + namedSecret + "\n") {
			_, _ = p.Stdout.Write([]byte{b})
		}
		_, _ = fmt.Fprintln(p.Stderr, base64.StdEncoding.EncodeToString([]byte(token)))
		line, err := action.Result{Outcome: job.Success, Message: "used " + token, Context: job.Values{
			"token": token, "deep": []any{map[string]any{baseSecret: "x " + actionSecret}}, "named": namedSecret, "stars": "***TOKEN***",
		}}.Line()
		if err != nil {
			return executor.Exit{Code: 8}
		}
		_, _ = p.Stdout.Write(line)
		return executor.Exit{}
	}})
	w.give()
	w.Logger = slog.New(slog.NewTextHandler(&w.logs, nil))
	return w
}

// give gives the Runner its variables.
func (w *secretWorld) give() {
	w.Env = map[string]string{"TOKEN": envSecret, "SHORT_TOKEN": "abc", "PLAIN": namedSecret}
	w.BaseEnv = map[string]string{"IMPORTED_SECRET": baseSecret}
	w.Secrets = map[string]string{"PLAIN": ""}
}

func (w *secretWorld) request(t *testing.T) kog.Request {
	t.Helper()
	j, err := job.Parse("job.yaml", []byte(secretDocument))
	if err != nil {
		t.Fatal(err)
	}
	return kog.Request{Job: j, Document: []byte(secretDocument), RunID: "secret", CorrelationID: "for " + envSecret}
}

// shown are all texts that must not show a secret: what the run left behind,
// and what its listeners heard.
func (w *secretWorld) shown(t *testing.T, more ...any) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(w.StateDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "job.yaml" {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&all, "%s:\n%s\n", d.Name(), data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock() // a container may run on
	defer w.mu.Unlock()
	fmt.Fprintf(&all, "logs:\n%s\nlabels: %v\nmore: %+v", w.logs.String(), w.labels, more)
	return all.String()
}

func checkMasked(t *testing.T, shown string) {
	t.Helper()
	for _, secret := range []string{
		"hunt", "er2", fmt.Sprintf("%x", envSecret), base64.StdEncoding.EncodeToString([]byte(envSecret)), baseSecret, actionSecret, namedSecret,
	} {
		if strings.Contains(shown, secret) {
			t.Errorf("%q is shown in\n%s", secret, shown)
		}
	}
}

func TestSecretsStayInContainers(t *testing.T) {
	w := newSecretWorld(t)
	var heard []string
	var out lines
	w.Output = &out
	w.Sink = stateFunc(func(e event.Event, after event.State) {
		line, err := event.Encode(e)
		heard = append(heard, fmt.Sprintf("%s %v %+v %v", line, err, after.Values, after.Last))
	})
	result, err := w.Run(context.Background(), w.request(t))
	if err != nil {
		t.Fatal(err)
	}
	if result.Message != "used ***" || result.CorrelationID != "for ***" {
		t.Errorf("result %+v", result)
	}
	shown := w.shown(t, result, heard, out.String())
	checkMasked(t, shown)
	if !strings.Contains(shown, "token *** *** and ************") || !strings.Contains(shown, "variable=SHORT_TOKEN") {
		t.Errorf("no replacement or no warning in\n%s", shown)
	}
	if len(w.contexts) != 3 || !strings.Contains(w.contexts[2], `"message":"used hunt\"er2<x>"`) || !strings.Contains(w.contexts[2], `"token":"hunt\"er2<x>"`) {
		t.Errorf("contexts %q", w.contexts)
	}
}

// What resumed steps get is what they get in a run that nobody left.
func TestResumeRestoresSecrets(t *testing.T) {
	whole := newSecretWorld(t)
	if _, err := whole.Run(context.Background(), whole.request(t)); err != nil {
		t.Fatal(err)
	}
	w := newSecretWorld(t)
	ctx, cancel := context.WithCancel(context.Background())
	w.Sink = sinkFunc(func(e event.Event) {
		if e.Payload.Kind() == "step_finished" {
			cancel()
		}
	})
	if result, err := w.Run(ctx, w.request(t)); !errors.Is(err, context.Canceled) {
		t.Fatalf("left: %+v, %v", result, err)
	}
	w.Sink = nil
	for name, take := range map[string]func(){
		"TOKEN":           func() { w.Env["TOKEN"] = "" },
		"IMPORTED_SECRET": func() { w.BaseEnv = nil },
		"PLAIN":           func() { w.Env["PLAIN"] = "abc" },
	} {
		take()
		_, err := w.Resume(context.Background(), "secret")
		if err == nil || !strings.Contains(err.Error(), "environment variable "+name+",") {
			t.Errorf("resumed without %s: %v", name, err)
		}
		w.give()
	}
	w.Secrets = nil // the journal knows the name
	result, err := w.Resume(context.Background(), "secret")
	if err != nil || result.Message != "used ***" {
		t.Fatalf("resumed: %+v, %v", result, err)
	}
	checkMasked(t, w.shown(t, result))
	if !slices.Equal(w.contexts, whole.contexts) {
		t.Errorf("contexts %q, want %q", w.contexts, whole.contexts)
	}
	w.Env = nil
	if again, err := w.Resume(context.Background(), "secret"); err != nil || again.Message != "used ***" {
		t.Errorf("a run that has ended: %+v, %v", again, err)
	}
}

// Wherever a run is left, what is written holds no secret, and its containers
// get what they get in a whole run.
func TestResumeFromAnyEvent(t *testing.T) {
	whole := newSecretWorld(t)
	events := 0
	whole.Sink = sinkFunc(func(event.Event) { events++ })
	if _, err := whole.Run(context.Background(), whole.request(t)); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= events; n++ {
		w := newSecretWorld(t)
		ctx, cancel := context.WithCancel(context.Background())
		heard := 0
		w.Sink = sinkFunc(func(event.Event) {
			if heard++; heard == n {
				cancel()
			}
		})
		_, err := w.Run(ctx, w.request(t))
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("left at event %d: %v", n, err)
		}
		checkMasked(t, w.shown(t))
		w.Sink = nil
		result, err := w.Resume(context.Background(), "secret")
		if err != nil || result.Message != "used ***" {
			t.Fatalf("left at event %d, resumed: %+v, %v", n, result, err)
		}
		checkMasked(t, w.shown(t, result))
		if !slices.Equal(w.contexts, whole.contexts) {
			t.Errorf("left at event %d: contexts %q, want %q", n, w.contexts, whole.contexts)
		}
	}
}

// An error quotes the beginning of a bad line, which can end within a secret.
func TestBadLinesAreMaskedBeforeTheyAreCut(t *testing.T) {
	for _, line := range []string{
		`KOG:{"result":"` + strings.Repeat("x", 140) + envSecret,
		`KOG:{"result":"` + strings.Repeat("x", 34) + baseSecret + `"}`,
		`KOG:{"result":"success","rc":` + strings.Repeat("1", 34) + `"` + baseSecret + `"}`,
	} {
		w := newSecretWorld(t)
		w.host.AddImage("secrets:1", fake.Image{Program: func(_ context.Context, p *fake.Proc) executor.Exit {
			_, _ = fmt.Fprintln(p.Stdout, line)
			return executor.Exit{}
		}})
		result, err := w.Run(context.Background(), w.request(t))
		if err != nil || result.Status != job.Failure {
			t.Fatalf("%+v, %v", result, err)
		}
		if strings.Contains(w.shown(t, result), "hunt") || strings.Contains(w.shown(t, result), "impor") {
			t.Errorf("%s: %s", line, result.Message)
		}
	}
}

func TestErrorsOfRunAreMasked(t *testing.T) {
	w := newSecretWorld(t)
	w.StateDir = filepath.Join(t.TempDir(), baseSecret)
	if err := os.WriteFile(w.StateDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var path *fs.PathError
	if _, err := w.Run(context.Background(), w.request(t)); !errors.As(err, &path) || strings.Contains(err.Error(), baseSecret) {
		t.Errorf("Run: %v", err)
	}
	if _, err := w.Resume(context.Background(), "secret"); err == nil || strings.Contains(err.Error(), baseSecret) {
		t.Errorf("Resume: %v", err)
	}
}

// stateFunc is a kog.Sink.
type stateFunc func(event.Event, event.State)

func (f stateFunc) Handle(_ context.Context, e event.Event, after event.State) { f(e, after) }
