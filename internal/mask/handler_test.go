package mask_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"time"
)

type valuer struct{ text string }

func (v valuer) LogValue() slog.Value { return slog.StringValue(v.text) }

func TestLogRecords(t *testing.T) {
	m := masker(`hunt"er2`, "31415926")
	for name, make := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var buf bytes.Buffer
		log := slog.New(m.Handler(make(&buf))).With("with", `hunt"er2`).WithGroup("group")
		log.Debug("not shown")
		log.Info(`msg hunt"er2`,
			"text", `a hunt"er2`, "err", fmt.Errorf(`open hunt"er2: %w`, fs.ErrExist), "n", 31415926, "valuer", valuer{`hunt"er2`},
			"struct", struct{ A string }{`hunt"er2`}, "map", map[string]int{"pin": 31415926}, "bytes", []byte(`hunt"er2`),
			slog.Group("g", "in", `hunt"er2`), "took", time.Second, "ok", true, "plain", []string{"x"})
		if strings.Count(buf.String(), "\n") != 1 || strings.Contains(buf.String(), "hunt") || strings.Contains(buf.String(), "31415926") ||
			strings.Contains(buf.String(), "aHVudCJlcjI") {
			t.Errorf("%s: %s", name, buf.String())
		}
		if n := strings.Count(buf.String(), "***"); n != 10 {
			t.Errorf("%s: %d replacements in %s", name, n, buf.String())
		}
	}
}

func TestErrorsKeepWhatTheyAre(t *testing.T) {
	m := masker("hunter2")
	inner := &fs.PathError{Op: "open", Path: "/hunter2", Err: fs.ErrNotExist}
	err := m.Error(fmt.Errorf("read: %w", inner))
	var path *fs.PathError
	if err.Error() != "read: open /***: file does not exist" || !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &path) {
		t.Errorf("error %v", err)
	}
	if plain := errors.New("plain"); !errors.Is(m.Error(plain), plain) || m.Error(nil) != nil {
		t.Error("an error without a secret was changed")
	}
}
