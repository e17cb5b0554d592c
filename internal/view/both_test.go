package view_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/internal/view"
)

func TestBothViewsGetEverything(t *testing.T) {
	first, firstText := plain(t, "logfmt")
	second, secondText := plain(t, "json")
	v := view.Both(first, second)
	v.Handle(context.Background(), events()[0], event.State{})
	stdoutOf(t, v, "one\ntw", "o")
	for text, want := range map[string][]string{
		firstText.String():  {`msg="run started"`, "msg=one", "msg=two"},
		secondText.String(): {`"msg":"run started"`, `"msg":"one"`, `"msg":"two"`},
	} {
		lines := strings.Split(strings.TrimSpace(text), "\n")
		for i, w := range want {
			if len(lines) != len(want) || !strings.Contains(lines[i], w) {
				t.Fatalf("%q, want %v", lines, want)
			}
		}
	}
}

// troubled is a view that cannot be opened, or not be written to.
type troubled struct {
	view.Quiet
	open, write error
	closed      *int
}

func (v troubled) Open(string, event.OpenStep) (stdout, stderr io.WriteCloser, err error) {
	return troubledWriter{v}, troubledWriter{v}, v.open
}

type troubledWriter struct{ v troubled }

func (w troubledWriter) Write(p []byte) (int, error) { return len(p), w.v.write }
func (w troubledWriter) Close() error                { *w.v.closed++; return nil }

func TestTroubleOfOneViewIsNotTheOthers(t *testing.T) {
	trouble, closed := errors.New("trouble"), 0
	good, text := plain(t, "logfmt")
	out, errs, err := view.Both(troubled{write: trouble, closed: &closed}, good).Open("r", open())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write([]byte("line\n")); !errors.Is(err, trouble) || !strings.Contains(text.String(), "msg=line") {
		t.Errorf("%v, and the other view has %q", err, text)
	}
	if err := errors.Join(out.Close(), errs.Close()); err != nil || closed != 2 {
		t.Errorf("%d closed, %v", closed, err)
	}
	closed = 0
	if _, _, err := view.Both(troubled{closed: &closed}, troubled{open: trouble, closed: &closed}).Open("r", open()); !errors.Is(err, trouble) || closed != 2 {
		t.Errorf("%d closed, %v", closed, err)
	}
}
