package report

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/job"
)

func TestCompare(t *testing.T) {
	for name, tc := range map[string]struct {
		before, after string
		want          string
	}{
		"nothing":     {`{"a":1,"b":[1,{"c":null}]}`, `{"b":[1,{"c":null}],"a":1}`, ""},
		"each kind":   {`{"a":1,"b":2}`, `{"b":3,"c":"x"}`, "- a: 1\n- b: 2\n+ b: 3\n+ c: \"x\"\n"},
		"inside":      {`{"a":{"b":{"c":1,"d":2}}}`, `{"a":{"b":{"c":1,"d":3}}}`, "- a.b.d: 2\n+ a.b.d: 3\n"},
		"lists":       {`{"a":[1,2,3]}`, `{"a":[1,5]}`, "- a.1: 2\n+ a.1: 5\n- a.2: 3\n"},
		"other types": {`{"a":[1],"b":{},"c":null}`, `{"a":{"0":1},"b":"{}","c":{}}`, "- a: [1]\n+ a: {\"0\":1}\n- b: {}\n+ b: \"{}\"\n- c: null\n+ c: {}\n"},
		"odd keys":    {`{}`, `{"a.b":{"":1},"":2,"c\nd":3,"<é>":4}`, "+ \"\": 2\n+ \"<é>\": 4\n+ \"a.b\": {\"\":1}\n+ \"c\\nd\": 3\n"},
		"exact":       {`{"n":12345678901234567890}`, `{"n":12345678901234567891}`, "- n: 12345678901234567890\n+ n: 12345678901234567891\n"},
	} {
		before, err1 := job.DecodeValues([]byte(tc.before))
		after, err2 := job.DecodeValues([]byte(tc.after))
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tc.want, diff(compare(before, after, 1<<20))); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestCompareIsBounded(t *testing.T) {
	after := job.Values{}
	for i := range 100 {
		after[fmt.Sprintf("key-%03d", i)] = strings.Repeat("long", 1000)
	}
	c := compare(nil, after, 1000)
	if len(c.List) != 4 || c.LeftOut != 96 {
		t.Errorf("%d changes and %d left out", len(c.List), c.LeftOut)
	}
	if !strings.HasSuffix(diff(c), "… 96 more changes …\n") {
		t.Errorf("%q", diff(c))
	}
}

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for name, tc := range map[string]struct {
		text, want string
		limit      int
	}{
		"nothing":     {"", "", 100},
		"whole":       {"a\nb\n", "a\nb\n", 100},
		"just whole":  {"0123456789", "0123456789", 10},
		"lines":       {"first\n" + long + "\nlast\n", "first\n… 1001 bytes left out …\nlast\n", 40},
		"one line":    {"aaaaaaaaaaaaaaaaaaaa" + long + "zzzzz", "aaaaa\n… 1005 bytes left out …\nxxxxxxxxxxzzzzz", 20},
		"characters":  {strings.Repeat("é", 100), "é\n… 188 bytes left out …\néééé" + "é", 13},
		"no room":     {"a\nb\n", "… 4 bytes left out …\n", 0},
		"result":      {"a\n  KOG:" + long + "\nb\n", "a\n  KOG:" + long[:194] + "…\nb\n", 1000},
		"long result": {"KOG:" + strings.Repeat(long, 100) + "\nb\n", "KOG:" + long[:196] + "…\nb\n", 1000},
		"open result": {"KOG:" + strings.Repeat(long, 100), "KOG:" + long[:196] + "…", 1000},
	} {
		got, err := excerpt(iotest.OneByteReader(strings.NewReader(tc.text)), tc.limit, true)
		if err != nil || got.Text != tc.want {
			t.Errorf("%s: %q, %v\nwant %q", name, got.Text, err, tc.want)
		}
	}
	got, err := excerpt(strings.NewReader("KOG:"+long), 2000, false)
	if err != nil || len(got.Text) != 1004 {
		t.Errorf("a line on stderr is no result: %d bytes, %v", len(got.Text), err)
	}
	broken := io.MultiReader(strings.NewReader("so far"), iotest.ErrReader(os.ErrPermission))
	if got, err := excerpt(broken, 100, true); !errors.Is(err, os.ErrPermission) || got.Text != "so far" {
		t.Errorf("%q, %v", got.Text, err)
	}
}

// What is kept and what is left out is all that there was, and what is kept is
// not more than allowed.
func TestExcerptCountsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"a", "bc", "é", "\n", "long words "})).Draw(t, "text"), "")
		limit := rapid.IntRange(0, 60).Draw(t, "limit")
		got, err := excerpt(strings.NewReader(text), limit, true)
		if err != nil || !utf8.ValidString(got.Text) || strings.Contains(got.Text, "\ufffd") {
			t.Fatalf("%q, %v", got.Text, err)
		}
		if got.LeftOut == 0 {
			if got.Text != text || len(text) > limit {
				t.Fatalf("%q of %q", got.Text, text)
			}
			return
		}
		head, tail, ok := strings.Cut(got.Text, "… "+size(got.LeftOut)+" left out …\n")
		if !ok || len(head)+len(tail) > limit+1 || !strings.HasPrefix(text, strings.TrimSuffix(head, "\n")) || !strings.HasSuffix(text, tail) {
			t.Fatalf("%q of %q", got.Text, text)
		}
		sum := len(head) + int(got.LeftOut) + len(tail)
		if sum != len(text) && sum != len(text)+1 {
			t.Fatalf("%d + %d + %d bytes of %d", len(head), got.LeftOut, len(tail), len(text))
		}
	})
}

func TestTarget(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "r.xml")
	link := filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, []byte("old"), 0o640), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                                       "unknown kind of report",
		"pdf:x":                                  "want junit, markdown or html",
		"junit":                                  "no file",
		"html:":                                  "no file",
		"junit:" + dir:                           "not a regular file",
		"junit:" + os.DevNull:                    "not a regular file",
		"junit:" + filepath.Join(file, "x"):      "write ",
		"junit:" + filepath.Join(dir, "no", "x"): "no file can be made in its folder",
	} {
		target, err := ParseTarget(text)
		if err == nil {
			err = target.Check()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	target := Target{"junit", link}
	if err := target.Check(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, file, "old")
	if err := target.Write(noRun{}); !errors.Is(err, errNoRun) {
		t.Errorf("%v, want %v", err, errNoRun)
	}
	wantFile(t, file, "old")
	if err := target.Write(begunRun{}); err != nil {
		t.Fatal(err)
	}
	wantFile(t, file, "<?xml")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".kog-report-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func wantFile(t *testing.T, name, want string) {
	t.Helper()
	if got, err := os.ReadFile(name); err != nil || !strings.HasPrefix(string(got), want) {
		t.Errorf("%s holds %q, %v; want %s", name, got, err, want)
	}
}

// noRun is a run that never began.
type noRun struct{}

func (noRun) Events(func(event.Event) error) error { return nil }

func (noRun) OpenLog(int, string, string) (io.ReadCloser, error) { return nil, os.ErrNotExist }

// begunRun is a run with its first event.
type begunRun struct{ noRun }

func (begunRun) Events(each func(event.Event) error) error {
	return each(event.Event{Seq: 1, Run: "r", Payload: event.RunStarted{Task: "t", Context: job.Values{}}})
}

// A run that goes on while it is reported is reported up to where it was.
func TestGrowingJournal(t *testing.T) {
	src := &growing{}
	var b strings.Builder
	if err := Write(&b, "junit", src); err != nil {
		t.Fatal(err)
	}
	if src.read != 2 || strings.Contains(b.String(), `name="more"`) || !strings.Contains(b.String(), `name="(run)"`) {
		t.Errorf("read %d times:\n%s", src.read, &b)
	}
}

// growing has more events each time it is read.
type growing struct {
	noRun
	read int
}

func (g *growing) Events(each func(event.Event) error) error {
	g.read++
	if err := (begunRun{}).Events(each); err != nil || g.read == 1 {
		return err
	}
	return each(event.Event{Seq: 2, Run: "r", Payload: event.StepStarting{Attempt: 1, At: job.Cursor{Workflow: "run", Step: "more"}}})
}

// A log that cannot be read is said so, and the report goes on.
func TestUnreadableLog(t *testing.T) {
	var b strings.Builder
	if err := Write(&b, "markdown", unreadable{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "the log of stdout cannot be read") {
		t.Error(b.String())
	}
}

type unreadable struct{}

func (unreadable) Events(each func(event.Event) error) error {
	if err := (begunRun{}).Events(each); err != nil {
		return err
	}
	return each(event.Event{Seq: 2, Run: "r", Payload: event.StepStarting{Attempt: 1, At: job.Cursor{Workflow: "run", Step: "start"}}})
}

func (unreadable) OpenLog(int, string, string) (io.ReadCloser, error) { return nil, os.ErrPermission }
