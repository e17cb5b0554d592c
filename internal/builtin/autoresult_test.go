package builtin_test

import (
	"context"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/internal/builtin"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// outcome is what one call of Main gave.
type outcome struct {
	code           int
	stdout, stderr string
}

func run(ctx context.Context, stdin string, env ...string) outcome {
	var out, errs strings.Builder
	code := builtin.Main(ctx, builtin.Process{Env: env, Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs})
	return outcome{code, out.String(), errs.String()}
}

func encode(doc string) string { return base64.StdEncoding.EncodeToString([]byte(doc)) }

func TestResultLine(t *testing.T) {
	for name, tc := range map[string]struct {
		env  []string
		want string
	}{
		"defaults":           {nil, `{"result":"success","rc":0,"message":"auto success"}`},
		"as asked":           {[]string{"RESULT=abort", "RESULT_CODE=15", "MESSAGE=you broke it"}, `{"result":"abort","rc":15,"message":"you broke it"}`},
		"remediate":          {[]string{"RESULT=remediatesuccess"}, `{"result":"remediatesuccess","rc":0,"message":"auto success"}`},
		"unknown word":       {[]string{"RESULT=splendid"}, `{"result":"splendid","rc":0,"message":"auto success"}`},
		"empty is absent":    {[]string{"RESULT=", "RESULT_CODE=", "MESSAGE=", "SLEEP=", "SET=", "FAIL_UNTIL="}, `{"result":"success","rc":0,"message":"auto success"}`},
		"failure keeps 0":    {[]string{"RESULT=failure"}, `{"result":"failure","rc":0,"message":"auto success"}`},
		"context comes back": {[]string{"KOG_CONTEXT=" + encode(`{"n":12345678901234567890,"f":1.10,"s":"<&>"}`)}, `{"result":"success","rc":0,"message":"auto success","context":{"f":1.10,"n":12345678901234567890,"s":"<&>"}}`},
		"null context":       {[]string{"KOG_CONTEXT=" + encode(`null`)}, `{"result":"success","rc":0,"message":"auto success"}`},
		"set": {
			[]string{"KOG_CONTEXT=" + encode(`{"a":{"b":1},"c":2}`), `SET={"a":{"d":3},"c":[]}`},
			`{"result":"success","rc":0,"message":"auto success","context":{"a":{"b":1,"d":3},"c":[]}}`,
		},
		"short sleep": {[]string{"SLEEP=1ms"}, `{"result":"success","rc":0,"message":"auto success"}`},
		"first wins":  {[]string{"MESSAGE=one", "MESSAGE=two"}, `{"result":"success","rc":0,"message":"one"}`},
	} {
		t.Run(name, func(t *testing.T) {
			want := outcome{stdout: "KOG:" + tc.want + "\n"}
			if diff := cmp.Diff(want, run(t.Context(), "", tc.env...), cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestContextSources(t *testing.T) {
	file := filepath.Join(t.TempDir(), "context.json")
	if err := os.WriteFile(file, []byte(`{"from":"file"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	fromEnv, stdin := "KOG_CONTEXT="+encode(`{"from":"environment"}`), encode(`{"from":"stdin"}`)+"\n"
	for name, tc := range map[string]struct {
		stdin string
		env   []string
		want  string
	}{
		"environment first":  {stdin, []string{fromEnv, "KOG_CONTEXT_FILE=" + file}, "environment"},
		"then the file":      {stdin, []string{"KOG_CONTEXT_FILE=" + file}, "file"},
		"then stdin":         {stdin, nil, "stdin"},
		"stdin, no newline":  {strings.TrimSpace(stdin), nil, "stdin"},
		"stdin, line ending": {strings.TrimSpace(stdin) + "\r\nmore", nil, "stdin"},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t.Context(), tc.stdin, tc.env...)
			if !strings.Contains(got.stdout, `"context":{"from":"`+tc.want+`"}`) {
				t.Errorf("%+v, want the context from %s", got, tc.want)
			}
		})
	}
}

func TestBadSettings(t *testing.T) {
	const secret = "s3cr3t"
	for name, tc := range map[string]struct {
		stdin, env, want string
	}{
		"rc":               {"", "RESULT_CODE=" + secret, "RESULT_CODE is not a whole number"},
		"sleep":            {"", "SLEEP=" + secret, "SLEEP is not a duration"},
		"set":              {"", "SET=" + secret, "SET is not a JSON object"},
		"set a list":       {"", `SET=["` + secret + `"]`, "SET is not a JSON object"},
		"fail until":       {"", "FAIL_UNTIL=" + secret, "FAIL_UNTIL is not a whole number"},
		"not base64":       {"", "KOG_CONTEXT=" + secret + "!", "KOG_CONTEXT is not base64"},
		"not JSON":         {"", "KOG_CONTEXT=" + encode(secret), "KOG_CONTEXT is not JSON at byte 1"},
		"not an object":    {"", "KOG_CONTEXT=" + encode(`["`+secret+`"]`), "KOG_CONTEXT is not a JSON object"},
		"no file":          {"", "KOG_CONTEXT_FILE=/does/not/exist", "KOG_CONTEXT_FILE: open /does/not/exist"},
		"stdin not base64": {secret + "!\n", "A=B", "standard input is not base64"},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t.Context(), tc.stdin, tc.env)
			if got.code != 2 || got.stdout != "" || !strings.Contains(got.stderr, tc.want) {
				t.Errorf("%+v, want exit code 2 and %q", got, tc.want)
			}
			if strings.Contains(got.stderr, secret) {
				t.Errorf("a value is in the message: %q", got.stderr)
			}
		})
	}
}

// TestFailUntil feeds each returned context into the next visit, with another
// step between, as a retry loop does.
func TestFailUntil(t *testing.T) {
	doc := `{"step_name":"build"}`
	var words []job.Outcome
	for range 4 {
		got := run(t.Context(), "", "FAIL_UNTIL=3", "RESULT_CODE=0", "KOG_CONTEXT="+encode(doc))
		var s action.Scanner
		_, _ = s.Write([]byte(got.stdout))
		r, err := s.Result()
		if err != nil || got.code != 0 {
			t.Fatalf("%+v: %v", got, err)
		}
		words = append(words, r.Outcome)
		if (r.RC == 1) != (r.Outcome == job.Failure) {
			t.Errorf("outcome %s with rc %d", r.Outcome, r.RC)
		}
		back, err := r.Line()
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(strings.TrimSpace(string(back)), `"context":`)
		doc = strings.TrimSuffix(after, "}")
		other := run(t.Context(), "", "FAIL_UNTIL=9", "KOG_CONTEXT="+encode(strings.Replace(doc, `"step_name":"build"`, `"step_name":"other"`, 1)))
		if !strings.Contains(other.stdout, "visit 1 of other") {
			t.Fatalf("visits of another step are counted together: %s", other.stdout)
		}
	}
	if diff := cmp.Diff([]job.Outcome{job.Failure, job.Failure, job.Success, job.Success}, words); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

func TestSleepEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := run(ctx, "", "SLEEP=1h")
	if got.code != 143 || got.stdout != "" || !strings.Contains(got.stderr, "stopped") {
		t.Errorf("%+v, want exit code 143 and no result", got)
	}
}

// TestDispatch starts this binary under the program's name.
func TestDispatch(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = []string{"/anywhere/auto-result"}
	cmd.Env = append(os.Environ(), "RESULT=timeout", "RESULT_CODE=3", "MESSAGE=late")
	out, err := cmd.Output()
	if err != nil || string(out) != `KOG:{"result":"timeout","rc":3,"message":"late"}`+"\n" {
		t.Errorf("%v, output %q", err, out)
	}
	if code, ok := builtin.Dispatch(); ok {
		t.Errorf("the test itself was taken for the program, exit code %d", code)
	}
}
