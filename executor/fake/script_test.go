package fake_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// play runs one container of a script and gives its output.
func play(t *testing.T, exec executor.Executor, s executor.Spec) (stdout, stderr string, exit executor.Exit) {
	t.Helper()
	p := start(t, exec, s)
	var out, errOut bytes.Buffer
	if err := p.Follow(t.Context(), &out, &errOut); err != nil {
		t.Fatal(err)
	}
	exit, err := p.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), exit
}

func TestScriptPlaysInOrder(t *testing.T) {
	rc := 7
	script := &fake.Script{
		Key: fake.ByLabels("run", "step"),
		Plays: map[string][]fake.Play{"r1/flash": {
			{Stdout: []string{"one", "two"}, Stderr: []string{"warning"}, Result: "failure", RC: &rc, Message: "no device"},
			{Result: "success", Context: map[string]any{"firmware": "2.0"}},
		}},
		Default: fake.Play{Exit: executor.Exit{Code: 3}},
	}
	host, exec := newHost(t)
	host.SetFallback(fake.Image{Program: script.Run})
	s := spec("flash")
	s.Image = "any:1"

	stdout, stderr, _ := play(t, exec, s)
	if !strings.HasPrefix(stdout, "one\ntwo\nKOG:") || stderr != "warning\n" {
		t.Errorf("the first play prints %q and %q", stdout, stderr)
	}
	if r := result(t, stdout); r.Outcome != job.Failure || r.RC != 7 || r.Message != "no device" || r.Context != nil {
		t.Errorf("the first play says %+v", r)
	}
	for range 2 { // the last one is repeated
		stdout, _, _ = play(t, exec, s)
		if r := result(t, stdout); r.Outcome != job.Success || r.Context["firmware"] != "2.0" {
			t.Errorf("the last play says %+v", r)
		}
	}
	other := spec("other")
	other.Image = "any:1"
	if stdout, _, exit := play(t, exec, other); exit.Code != 3 || stdout != "" {
		t.Errorf("a key without plays prints %q and ends with %+v", stdout, exit)
	}
}

func result(t *testing.T, stdout string) action.Result {
	t.Helper()
	var s action.Scanner
	if _, err := s.Write([]byte(stdout)); err != nil {
		t.Fatal(err)
	}
	r, err := s.Result()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestScriptTimeAndSignals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := &fake.Script{Plays: map[string][]fake.Play{
			"slow:1":     {{Duration: time.Hour}},
			"deaf:1":     {{Hang: true, IgnoreTerm: true}},
			"obedient:1": {{Hang: true}},
		}}
		host := fake.NewHost()
		defer host.Close()
		host.SetFallback(fake.Image{Program: script.Run})
		for image, want := range map[string]struct {
			stop time.Duration // 0: not stopped
			took time.Duration
			code int
		}{
			"slow:1":     {0, time.Hour, 0},
			"deaf:1":     {time.Minute, time.Minute, 137},
			"obedient:1": {time.Minute, 0, 143},
		} {
			s := spec("c")
			s.Image = image
			began := time.Now()
			p := start(t, host.Executor(), s)
			synctest.Wait()
			if want.stop > 0 {
				if err := p.Stop(t.Context(), want.stop); err != nil {
					t.Fatal(err)
				}
			}
			wantCode(t, p, want.code)
			if took := time.Since(began); took != want.took {
				t.Errorf("%s took %s, want %s", image, took, want.took)
			}
			if err := p.Remove(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
