package action_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/job"
)

func scan(t testing.TB, chunks ...string) (action.Result, error) {
	t.Helper()
	var s action.Scanner
	for _, c := range chunks {
		if n, err := s.Write([]byte(c)); n != len(c) || err != nil {
			t.Fatalf("Write = %d, %v; want %d, nil", n, err, len(c))
		}
	}
	return s.Result()
}

func TestScannerFindsTheResult(t *testing.T) {
	ok := action.Result{Outcome: job.Success, RC: 0, Message: "hi", Context: job.Values{"n": json.Number("12345678901234567890")}}
	line := `KOG:{"result":"success","rc":0,"message":"hi","context":{"n":12345678901234567890}}`
	for name, output := range map[string]string{
		"alone":               line,
		"with newline":        line + "\n",
		"CR LF":               "x\r\n" + line + "\r\n",
		"blanks before":       "x\n \t" + line + "\n",
		"CR before":           "x\n\r" + line + "\n",
		"among others":        "a\n" + line + "\nb\n",
		"last of several":     `KOG:{"result":"abort"}` + "\n" + line + "\n",
		"after a bad one":     "KOG:nonsense\n" + line + "\n",
		"after binary":        "\x00\xff\xfe\n" + line + "\n",
		"prefix begun twice":  "KOGKOG:{}\nKO\n" + line,
		"not at line start":   line + "\nsee KOG:{\"result\":\"abort\"}\n",
		"other case":          line + "\nkog:{\"result\":\"abort\"}\n",
		"blank inside prefix": line + "\nK OG:{\"result\":\"abort\"}\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := scan(t, output)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(ok, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScannerSplitAnywhere(t *testing.T) {
	output := "noise\r\n  KOG:{\"result\":\"failure\",\"message\":\"täglich\"}\r\nKOGx\nmore"
	want, err := scan(t, output)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(output) {
		for j := i; j <= len(output); j++ {
			got, err := scan(t, output[:i], output[i:j], output[j:])
			if err != nil || !cmp.Equal(got, want) {
				t.Fatalf("split at %d and %d: %+v, %v", i, j, got, err)
			}
		}
	}
}

func TestScannerLongLines(t *testing.T) {
	big := strings.Repeat("x", 16<<20)
	output := big + "\nKOG:{\"result\":\"success\",\"message\":\"" + big + "\"}\n" + big
	rng := rand.New(rand.NewPCG(1, 2))
	var s action.Scanner
	for rest := []byte(output); len(rest) > 0; {
		n := min(len(rest), 1+rng.IntN(100_000))
		_, _ = s.Write(rest[:n])
		rest = rest[n:]
	}
	r, err := s.Result()
	if err != nil || r.Message != big {
		t.Fatalf("message of %d bytes, %v", len(r.Message), err)
	}
}

func TestScannerBadResults(t *testing.T) {
	for name, tc := range map[string]struct{ output, want string }{
		"empty":           {"KOG:\n", "not a JSON object: EOF"},
		"not JSON":        {"KOG:oops\n", "not a JSON object"},
		"array":           {"KOG:[]\n", "not a JSON object"},
		"null":            {"KOG:null\n", "not a JSON object"},
		"torn":            {`KOG:{"result":"succ`, "not a JSON object"},
		"two objects":     {`KOG:{"result":"success"}{}`, "something follows"},
		"no result":       {`KOG:{"rc":0}`, "result: missing"},
		"unknown word":    {`KOG:{"result":"succes"}`, `result: unknown word "succes"`},
		"upper case":      {`KOG:{"result":"Success"}`, "unknown word"},
		"bare remediate":  {`KOG:{"result":"remediate"}`, "unknown word"},
		"result a number": {`KOG:{"result":1}`, "result: not a string"},
		"rc a word":       {`KOG:{"result":"success","rc":"one"}`, `rc: "one" is not a whole number`},
		"rc a fraction":   {`KOG:{"result":"success","rc":1.5}`, "rc: 1.5 is not a whole number"},
		"rc a list":       {`KOG:{"result":"success","rc":[1]}`, "rc: [1] is not a whole number"},
		"message a list":  {`KOG:{"result":"success","message":[]}`, "message: not a string"},
		"context a list":  {`KOG:{"result":"success","context":[]}`, "context: not an object"},
		"last one counts": {"KOG:{\"result\":\"success\"}\nKOG:bad\n", "not a JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := scan(t, tc.output)
			var bad *action.BadResultError
			if !errors.As(err, &bad) {
				t.Fatalf("error %v, want a BadResultError", err)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %q does not contain %q", err, tc.want)
			}
		})
	}
	if _, err := scan(t, "nothing\nto see"); !errors.Is(err, action.ErrNoResult) {
		t.Errorf("no line: %v", err)
	}
	_, err := scan(t, "KOG:"+strings.Repeat("y", 100_000))
	if err == nil || len(err.Error()) > 400 {
		t.Errorf("a long bad line is quoted in full: %d bytes", len(err.Error()))
	}
}

func TestScannerRefusesEndlessLine(t *testing.T) {
	var s action.Scanner
	chunk := bytes.Repeat([]byte("z"), 1<<20)
	_, _ = s.Write([]byte("KOG:"))
	for range action.MaxResultLine/len(chunk) + 2 {
		_, _ = s.Write(chunk)
	}
	if _, err := s.Result(); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("error %v", err)
	}
	_, _ = s.Write([]byte("\nKOG:{\"result\":\"success\"}"))
	if _, err := s.Result(); err != nil {
		t.Errorf("a good line after it: %v", err)
	}
}

func TestParseResultDefaults(t *testing.T) {
	for in, want := range map[string]action.Result{
		`{"result":"success"}`:                       {Outcome: job.Success},
		`{"result":"failure"}`:                       {Outcome: job.Failure, RC: 1},
		`{"result":"timeout","rc":null}`:             {Outcome: job.Timeout, RC: 1},
		`{"result":"abort","rc":"15"}`:               {Outcome: job.Abort, RC: 15},
		`{"result":"abort","rc":" 15 "}`:             {Outcome: job.Abort, RC: 15},
		`{"result":"success","rc":-3}`:               {Outcome: job.Success, RC: -3},
		`{"result":"success","rc":2e1}`:              {Outcome: job.Success, RC: 20},
		`{"result":"remediatefailure"}`:              {Outcome: job.Failure, RC: 1, Remediate: true},
		`{"result":"remediatesuccess","rc":0}`:       {Outcome: job.Success, Remediate: true},
		`{"result":"success","context":null}`:        {Outcome: job.Success},
		`{"result":"success","context":{}}`:          {Outcome: job.Success, Context: job.Values{}},
		`{"result":"success","other":[1,{"a":2}]}`:   {Outcome: job.Success},
		` {"result":"success","message":null} ` + "": {Outcome: job.Success},
	} {
		got, err := action.ParseResult([]byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
}

func TestResultLineReadsBack(t *testing.T) {
	want := action.Result{Outcome: job.Abort, Remediate: true, RC: 7, Message: "a <b>\n", Context: job.Values{"k": []any{"v"}}}
	line, err := want.Line()
	if err != nil {
		t.Fatal(err)
	}
	got, err := scan(t, string(line))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzScanner(f *testing.F) {
	f.Add([]byte("x\nKOG:{\"result\":\"success\"}\r\ny"), uint16(3))
	f.Add([]byte("KOG:{\"result\":\"failure\",\"rc\":\"3\",\"context\":{\"a\":1e400}}"), uint16(1))
	f.Add([]byte("\r\n\t KKOG:KOG:\n\nKOG"), uint16(2))
	f.Fuzz(func(t *testing.T, output []byte, at uint16) {
		var whole, split action.Scanner
		_, _ = whole.Write(output)
		want, wantErr := whole.Result()
		i := min(int(at), len(output))
		_, _ = split.Write(output[:i])
		for _, c := range output[i:] {
			_, _ = split.Write([]byte{c})
		}
		got, gotErr := split.Result()
		if !cmp.Equal(want, got) || (wantErr == nil) != (gotErr == nil) {
			t.Fatalf("split at %d: %+v, %v; want %+v, %v", i, got, gotErr, want, wantErr)
		}
		if wantErr == nil && !want.Outcome.Valid() {
			t.Fatalf("outcome %q", want.Outcome)
		}
	})
}

func BenchmarkScanner(b *testing.B) {
	chunk := []byte(strings.Repeat("an ordinary line of output, 64 bytes long with its newline.....\n", 512))
	b.SetBytes(int64(len(chunk)))
	var s action.Scanner
	for b.Loop() {
		_, _ = s.Write(chunk)
	}
}

func TestScannerRedacts(t *testing.T) {
	for line, want := range map[string]string{
		`KOG:{"result":"secret-word"}`:                                    `"KOG:{\"result\":\"X\"}": result: unknown word "X"`,
		`KOG:{"result":"success","rc":secret-word}`:                       `"KOG:{\"result\":\"success\",\"rc\":X}": not a JSON object`,
		`KOG:{"result":"plain"}`:                                          `unknown word "plain"`,
		`KOG:{"result":"success","rc":"secret-word"}`:                     `"X\"}": rc: `,
		`KOG:secret-word{"result":"success"}`:                             `"KOG:{\"result\":\"success\"}": cannot be used`,
		"KOG:" + strings.Repeat("secret-word", action.MaxResultLine/11+1): `"KOG:…": longer than`,
	} {
		s := action.Scanner{Redact: func(s string) string {
			return strings.ReplaceAll(strings.ReplaceAll(s, "secret-word{", "{"), "secret-word", "X")
		}}
		_, _ = s.Write([]byte(line))
		_, err := s.Result()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.60s: error %.200v, want %s", line, err, want)
		}
	}
	s := action.Scanner{Redact: func(string) string { return "X" }}
	_, _ = s.Write([]byte(`KOG:{"result":"success","message":"secret-word"}`))
	if r, err := s.Result(); err != nil || r.Message != "secret-word" {
		t.Errorf("a good line: %+v, %v", r, err)
	}
}
