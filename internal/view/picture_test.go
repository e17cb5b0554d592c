package view

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/internal/screen"
	"gitlab.com/f5-pwe/kog/v3/job"
)

var update = flag.Bool("update", false, "write the golden files anew")

const liveJob = `
name: Prüfstand 漢字
workflows:
  run:
    start: {action: provision, success: self-test, failure: end-of-it, duration: 30m}
    self-test: {action: test, success: a-step-with-quite-a-long-name, failure: self-test, abort: end-of-it, timeout: end-of-it, duration: 90s}
    a-step-with-quite-a-long-name: {action: nothing, failure: end-of-it}
    end-of-it: {action: nothing}
  remediate:
    start: {action: nothing}
actions:
  provision: {image: lab/provision}
  test: {image: lab/test}
  nothing: {image: lab/nothing}
`

// story is a run told event by event, with what is on the terminal meanwhile.
type story struct {
	t     *testing.T
	pic   picture
	state event.State
	now   time.Time
	size  screen.Size
	text  strings.Builder
}

func newStory(t *testing.T, width, height int) *story {
	t.Helper()
	j, err := job.Parse("job.yaml", []byte(liveJob))
	if err != nil {
		t.Fatal(err)
	}
	return &story{
		t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), size: screen.Size{Width: width, Height: height},
		pic: picture{job: j, logs: func(run string) string { return "/var/kog/runs/" + run + "/logs" }},
	}
}

// happen lets time pass, and then something happen.
func (s *story) happen(after time.Duration, p event.Payload, output ...string) {
	s.t.Helper()
	s.now = s.now.Add(after)
	e := event.Event{Seq: s.state.Seq + 1, Run: "d5r1", Time: s.now, Payload: p}
	next, err := s.state.Apply(e)
	if err != nil {
		s.t.Fatal(err)
	}
	s.state = next
	for _, l := range s.pic.apply(e, next, frame{s.size, output}) {
		fmt.Fprintf(&s.text, "%s\n", l)
	}
}

// show puts the area down.
func (s *story) show(title string, output ...string) {
	s.t.Helper()
	area := s.pic.area(s.now, s.size, output)
	if len(area) > s.size.Height-1 {
		s.t.Errorf("%s: %d rows on a screen of %d", title, len(area), s.size.Height)
	}
	fmt.Fprintf(&s.text, "---- %s\n", title)
	for _, l := range area {
		fmt.Fprintf(&s.text, "%s\n", l.Cut(s.size.Width-1))
	}
	s.text.WriteString("----\n")
}

// visit is a whole visit of a step.
func (s *story) visit(name string, took time.Duration, o job.Outcome, message string) {
	s.t.Helper()
	s.begin(name, 0)
	s.happen(took, event.StepFinished{Attempt: s.state.Attempts, At: at(name), Outcome: o, RC: o.ReturnCode(), Message: message}, "last words")
}

func (s *story) begin(name string, limit time.Duration) {
	s.t.Helper()
	n := s.state.Attempts + 1
	s.happen(0, event.StepStarting{Attempt: n, At: at(name), Action: "test", Image: "lab/test:1", Duration: limit})
	s.happen(0, event.StepStarted{Attempt: n, Handle: []byte("{}")})
}

func at(name string) job.Cursor {
	wf, step, ok := strings.Cut(name, "/")
	if !ok {
		return job.Cursor{Workflow: "run", Step: name}
	}
	return job.Cursor{Workflow: wf, Step: step}
}

func (s *story) tell() {
	s.happen(0, event.RunStarted{Task: s.pic.job.Name, Start: at("start"), Executor: "native", Options: event.Options{Grace: 10 * time.Second}})
	s.happen(0, event.StepStarting{Attempt: 1, At: at("start"), Action: "provision", Image: "registry.example.com/lab/provision:2.4.0", Duration: 30 * time.Minute})
	s.show("no news yet")
	s.happen(3*time.Second, event.StepProgress{At: at("start"), Message: "pulling registry.example.com/lab/provision:2.4.0", Done: 12_345_678, Total: 40_000_000})
	s.happen(0, event.StepProgress{At: at("start"), Message: "cannot pull, using the local copy", Warning: true})
	s.show("pulling")
	s.happen(2*time.Second, event.StepStarted{Attempt: 1, Handle: []byte("{}")})
	s.now = s.now.Add(25 * time.Minute)
	s.show("near its limit", "漢字 wide, and a line that is longer than most terminals are wide: "+strings.Repeat("0123456789", 20), "\x1b[2Jcleared? \x1b]0;title\abell")
	s.happen(0, event.StepFinished{Attempt: 1, At: at("start"), Outcome: job.Success, Message: "the machine is ours, and this message takes more than one row on most terminals\nor two", Warnings: []string{"the log of stdout is not complete"}})

	for range 3 {
		s.visit("self-test", 1200*time.Millisecond, job.Failure, "fan 3 does not turn")
	}
	s.visit("self-test", 35*time.Millisecond, job.Abort, "")
	s.visit("end-of-it", 61*time.Second, job.Success, "told them")
	s.begin("self-test", 90*time.Second)
	s.now = s.now.Add(time.Minute)
	s.show("a long path", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
	s.happen(30*time.Second, event.StepStopping{Attempt: s.state.Attempts, Outcome: job.Timeout, RC: 124, Reason: "not finished within 1m30s"})
	s.now = s.now.Add(4 * time.Second)
	s.show("stopping", "one")
	s.happen(time.Second, event.StepFinished{Attempt: s.state.Attempts, At: at("self-test"), Outcome: job.Timeout, RC: 124, Message: "not finished within 1m30s"}, "one", "two")
	s.visit("remediate/start", time.Hour+2*time.Minute, job.Success, "given back")
	s.show("between steps", "old output")
	s.happen(0, event.StepRemoved{Attempt: 1, Error: "busy"})
	s.happen(0, event.RunFinished{Status: job.Timeout, Message: "not finished within 1m30s", Steps: s.state.Attempts})
	s.show("after the end")
}

func TestLiveGoldens(t *testing.T) {
	for _, width := range []int{20, 40, 80, 200} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			s := newStory(t, width, 24)
			s.tell()
			file := filepath.Join("testdata", "live", fmt.Sprintf("%d.txt", width))
			if *update {
				if err := os.WriteFile(file, []byte(s.text.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), s.text.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Every size has to do, and the open step is what is left of the area on the
// smallest.
func TestLiveOnAnySize(t *testing.T) {
	for height := 1; height < 30; height++ {
		for _, width := range []int{1, 2, 5, 10, 30, 500} {
			newStory(t, width, height).tell()
		}
	}
	s := newStory(t, 60, 4)
	s.happen(0, event.RunStarted{Task: "t", Start: at("start")})
	s.begin("start", time.Minute)
	s.show("low", "one", "two", "three")
	if got := s.text.String(); !strings.Contains(got, "● start  0s of 1m  ────────────  test\n  │ two\n  │ three\n----") {
		t.Errorf("on a low screen:\n%s", got)
	}
}

func TestPathIsBounded(t *testing.T) {
	s := newStory(t, 60, 24)
	s.happen(0, event.RunStarted{Task: "t", Start: at("start")})
	for i := range maxLegs + 50 {
		s.visit([]string{"start", "self-test"}[i%2], time.Second, job.Success, "")
	}
	if got := s.pic.path(59).String(); len(s.pic.legs) != maxLegs || got != "… 247 → ✓ self-test 1.0s → ✓ start 1.0s → ✓ self-test 1.0s" {
		t.Errorf("%d legs, path %s", len(s.pic.legs), got)
	}
}

func TestLongSummaryKeepsTheTroubles(t *testing.T) {
	all := make([]*total, 3*maxRows)
	for i := range all {
		all[i] = &total{at: job.Cursor{Step: fmt.Sprint(i)}, outcome: job.Success}
	}
	all[0].outcome, all[7].outcome = job.Failure, job.Abort
	rows, hidden := important(all)
	want := append([]*total{all[0], all[7]}, all[2*maxRows+2:]...)
	if !slices.Equal(rows, want) || hidden != 2*maxRows {
		t.Errorf("%d rows, %d hidden", len(rows), hidden)
	}
}

// A run that goes on in a new process shows what the earlier one did.
func TestResumedPicture(t *testing.T) {
	first := newStory(t, 80, 24)
	first.happen(0, event.RunStarted{Task: "t", Start: at("start")})
	first.visit("start", time.Second, job.Success, "")
	first.begin("self-test", time.Minute)
	s := newStory(t, 80, 24)
	s.state, s.now = first.state, first.now
	s.happen(20*time.Second, event.RunResumed{})
	s.show("resumed")
	for _, want := range []string{"run d5r1 goes on after 1 step\n", "✓ start\n", "● self-test  20s of 1m"} {
		if !strings.Contains(s.text.String(), want) {
			t.Errorf("no %q in\n%s", want, &s.text)
		}
	}
	if got := fmt.Sprint(s.pic.unfinished(s.now)); got != "[● self-test    20s  left as it is]" {
		t.Errorf("left: %s", got)
	}
}

func TestAmounts(t *testing.T) {
	for d, want := range map[time.Duration][3]string{
		0:                            {"0s", "0ms", "0s"},
		-time.Second:                 {"0s", "0ms", "-1s"},
		35 * time.Millisecond:        {"0s", "35ms", "35ms"},
		1999 * time.Millisecond:      {"1s", "1.9s", "1.999s"},
		10 * time.Second:             {"10s", "10s", "10s"},
		time.Minute:                  {"1m00s", "1m00s", "1m"},
		90 * time.Second:             {"1m30s", "1m30s", "1m30s"},
		time.Hour:                    {"1h00m", "1h00m", "1h"},
		time.Hour + 30*time.Minute:   {"1h30m", "1h30m", "1h30m"},
		50*time.Hour + time.Second:   {"50h00m", "50h00m", "50h0m1s"},
		10*time.Minute + time.Second: {"10m01s", "10m01s", "10m1s"},
	} {
		if got := [3]string{clock(d), short(d), limit(d)}; got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}
