package engine_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
	"gitlab.com/f5-pwe/kog/v3/internal/engine"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// errCut is a power cut.
var errCut = errors.New("power cut")

// memory is a journal in memory, in the form in which it would be on disk. It
// fails once at the write with number cut, before or after that lands.
type memory struct {
	lines [][]byte
	cut   int // 0: never
	after bool
}

func (m *memory) Append(_ context.Context, e event.Event) error {
	line, err := event.Encode(e)
	if err != nil {
		return err
	}
	hit := len(m.lines)+1 == m.cut
	if hit && !m.after {
		m.cut = 0
		return errCut
	}
	m.lines = append(m.lines, line)
	if hit {
		m.cut = 0
		return errCut
	}
	return nil
}

// replay folds what the journal holds, as a new process would.
func (m *memory) replay(t *testing.T) (event.State, []event.Event) {
	t.Helper()
	var s event.State
	var events []event.Event
	for _, line := range m.lines {
		e, err := event.Decode(line)
		if err == nil {
			s, err = s.Apply(e)
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return s, events
}

// path is the way that a run took: the end of every visit.
func path(events []event.Event) string {
	var b strings.Builder
	for _, e := range events {
		if fin, ok := e.Payload.(event.StepFinished); ok {
			fmt.Fprintf(&b, "%s %s %d %s\n", fin.At, fin.Outcome, fin.RC, fin.Message)
		}
		if fin, ok := e.Payload.(event.RunFinished); ok {
			fmt.Fprintf(&b, "end %s %s\n", fin.Status, fin.Message)
		}
	}
	return b.String()
}

// world is an engine with its images, and a run that is driven on it.
type world struct {
	t       *testing.T
	host    *fake.Host
	journal *memory
	job     *job.Job
	// change adjusts the configuration of every process that drives the run.
	change  func(*engine.Config)
	options event.Options
}

func newWorld(t *testing.T, document string) *world {
	t.Helper()
	j, err := job.Parse("job.yaml", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, host: fake.NewHost(), journal: &memory{}, job: j}
	w.options = event.Options{Grace: 10 * time.Second, StartTimeout: time.Minute}
	w.image("works", says(`{"result":"success","message":"ok"}`, 10*time.Second))
	return w
}

// image adds a program under the reference NAME:1.
func (w *world) image(name string, p fake.Program) {
	w.host.AddImage(name+":1", fake.Image{Program: p})
}

// says prints a result after a while.
func says(result string, after time.Duration) fake.Program {
	return func(ctx context.Context, p *fake.Proc) executor.Exit {
		select {
		case <-time.After(after):
		case <-ctx.Done():
			return fake.SignalExit("SIGKILL")
		}
		_, _ = fmt.Fprintf(p.Stdout, "working\nKOG:%s\n", result)
		return executor.Exit{}
	}
}

// hangs never ends by itself, and cannot be asked to.
func hangs(ctx context.Context, _ *fake.Proc) executor.Exit {
	<-ctx.Done()
	return fake.SignalExit("SIGKILL")
}

// drive is one process that takes the run as far as it can.
func (w *world) drive(ctx context.Context) (event.State, error) {
	state, _ := w.journal.replay(w.t)
	var opening event.Payload = event.RunResumed{}
	if state.Phase == event.PhaseNew {
		opening = event.RunStarted{Task: w.job.Name, Start: w.job.Start(), Context: w.job.Context, Executor: fake.Name, Options: w.options}
	}
	cfg := engine.Config{Job: w.job, Executor: w.host.Executor(), Journal: w.journal}
	if w.change != nil {
		w.change(&cfg)
	}
	return engine.Run(ctx, cfg, engine.Entry{Run: "r", State: state, Opening: opening})
}

// finish drives the run to its end and checks what holds for every run.
func (w *world) finish() (event.State, []event.Event) {
	w.t.Helper()
	s, err := w.drive(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	if s.Phase != event.PhaseFinished {
		w.t.Fatalf("phase %q after the run", s.Phase)
	}
	_, events := w.journal.replay(w.t)
	w.clean()
	return s, events
}

// clean checks that nothing was started twice and nothing is left.
func (w *world) clean() {
	w.t.Helper()
	if twice := w.host.Repeated(); len(twice) > 0 {
		w.t.Errorf("started twice: %v", twice)
	}
	if left := w.host.Left(); len(left) > 0 {
		w.t.Errorf("left behind: %v", left)
	}
}

// buffers is an engine.Output that keeps what it gets.
type buffers struct{ stdout, stderr bytes.Buffer }

func (b *buffers) Open(string, event.OpenStep) (stdout, stderr io.WriteCloser, err error) {
	b.stdout.Reset()
	b.stderr.Reset()
	return nopCloser{&b.stdout}, nopCloser{&b.stderr}, nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// contextOf reads the context as a container does.
func contextOf(p *fake.Proc) (job.Values, error) {
	encoded, ok := p.Getenv("KOG_CONTEXT")
	if !ok {
		return nil, errors.New("no KOG_CONTEXT")
	}
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	return job.DecodeValues(data)
}
