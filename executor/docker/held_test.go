package docker

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// What is held comes out in its order, as much as was asked for.
func TestHeld(t *testing.T) {
	var out bytes.Buffer
	h := newHeld()
	one, two := h.writer(&out), h.writer(&out)
	for i, text := range []string{"a", "b", "c"} {
		if _, err := io.WriteString([]io.Writer{one, two}[i%2], text); err != nil {
			t.Fatal(err)
		}
	}
	n := h.count()
	_, _ = io.WriteString(one, "d") // not yet closed
	if err := h.letGo(n); err != nil || out.String() != "abc" {
		t.Errorf("got %q, %v, want abc", out.String(), err)
	}
	h.close()
	if _, err := io.WriteString(one, "e"); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a write after the end: %v", err)
	}
}

// Who writes too much waits until something is let go, or until the end.
func TestHeldIsLimited(t *testing.T) {
	h := newHeld()
	w := h.writer(io.Discard)
	much := strings.Repeat("x", heldLimit+1)
	_, _ = io.WriteString(w, much) // not yet closed
	wrote := make(chan error)
	write := func() {
		_, err := io.WriteString(w, much)
		wrote <- err
	}
	go write()
	if err := h.letGo(1); err != nil {
		t.Fatal(err)
	}
	if err := <-wrote; err != nil {
		t.Errorf("after it was let go: %v", err)
	}
	go write()
	h.close()
	if err := <-wrote; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("after the end: %v", err)
	}
}
