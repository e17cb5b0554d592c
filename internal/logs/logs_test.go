package logs_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"gitlab.com/f5-pwe/kog/v3/internal/logs"
)

// logged is what one record looks like in a format.
func logged(t *testing.T, format, msg string, args ...any) string {
	t.Helper()
	var buf bytes.Buffer
	log, err := logs.New(&buf, format, slog.LevelInfo)
	if err != nil {
		t.Fatal(err)
	}
	log.Info(msg, args...)
	return buf.String()
}

func TestAttributesAreReadable(t *testing.T) {
	noon := time.Date(2026, 11, 25, 13, 0, 0, 5e6, time.FixedZone("east", 3600))
	args := []any{"took", 1500 * time.Millisecond, "time", "an attribute of that name", slog.Group("g", "wait", time.Minute, "at", noon)}
	got := logged(t, "logfmt", "msg", args...)
	if want := `took=1.5s time="an attribute of that name" g.wait=1m0s g.at=2026-11-25T12:00:00.005Z` + "\n"; !strings.HasSuffix(got, want) {
		t.Errorf("%q, want %q at its end", got, want)
	}
	got = logged(t, "json", "msg", args...)
	if want := `"took":"1.5s","time":"an attribute of that name","g":{"wait":"1m0s","at":"2026-11-25T12:00:00.005Z"}}` + "\n"; !strings.HasSuffix(got, want) {
		t.Errorf("%q, want %q at its end", got, want)
	}
}

// Every character that is not printable, alone and in company, in message and
// attribute: none reaches the terminal, and JSON gives it back as it was.
func TestNothingForATerminalToActUpon(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r += step(r) {
		if strconv.IsPrint(r) || utf16.IsSurrogate(r) {
			continue
		}
		for _, text := range []string{string(r), "a b" + string(r) + "é"} {
			for _, format := range []string{"logfmt", "json"} {
				got := logged(t, format, text, "key", text)
				if line, ok := strings.CutSuffix(got, "\n"); !ok || strings.ContainsFunc(line, func(r rune) bool { return !strconv.IsPrint(r) }) {
					t.Fatalf("%s: %U in %q", format, r, got)
				}
				if format != "json" {
					continue
				}
				var record struct{ Msg, Key string }
				if err := json.Unmarshal([]byte(got), &record); err != nil || record.Msg != text || record.Key != text {
					t.Fatalf("%q came back as %+q, %v", text, record, err)
				}
			}
		}
	}
}

// step leaves most of those out that are private or not assigned.
func step(r rune) rune {
	if r < 0x3000 {
		return 1
	}
	return 997
}

func TestBytesThatAreNoText(t *testing.T) {
	if got := logged(t, "logfmt", "a\xff\x9bb"); !strings.Contains(got, `msg="a\xff\x9bb"`) {
		t.Errorf("logfmt: %q", got)
	}
	if got := logged(t, "json", "a\xff\x9bb"); !json.Valid([]byte(got)) || !utf8.ValidString(got) {
		t.Errorf("json: %q", got)
	}
}
