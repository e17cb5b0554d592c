package logs

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/leodido/go-syslog/v4/rfc3164"
	"github.com/leodido/go-syslog/v4/rfc5424"
)

// formatted is the line that a record becomes in a format ("rfc5424 udp").
func formatted(t testing.TB, how string, r slog.Record, with ...any) string {
	t.Helper()
	name, network, _ := strings.Cut(how, " ")
	f, err := newFormat(name, network)
	if err != nil {
		t.Fatal(err)
	}
	f.host, f.pid = "rig-7", "42"
	s := &Syslog{format: f, level: slog.LevelInfo, writer: &writer{queue: newQueue(1 << 20)}}
	if err := slog.New(s.Handler()).With(with...).Handler().Handle(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	lines := s.writer.queue.take(1 << 20)
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	return string(lines[0].data)
}

func record(level slog.Level, msg string, args ...any) slog.Record {
	r := slog.NewRecord(time.Date(2026, 2, 3, 4, 5, 6, 7008009, time.UTC), level, msg, 0)
	r.Add(args...)
	return r
}

func ofOutput() []any {
	return []any{"stream", "stderr", "step", "run/start", "attempt", 2, "run", "r1"}
}

func TestFormats(t *testing.T) {
	const sd = `[kog@32473 run="r1" step="run/start" attempt="2" stream="stderr"][meta sequenceId="1"]`
	for name, tc := range map[string]struct {
		record         slog.Record
		with           []any
		want, want3164 string
	}{
		"a line of output": {
			record(slog.LevelInfo, "hello, world"), ofOutput(),
			"<14>1 2026-02-03T04:05:06.007008Z rig-7 kog 42 output " + sd + " hello, world",
			"<14>STAMP rig-7 kog[42]: [run=r1 step=run/start attempt=2 stream=stderr] hello, world",
		},
		"text that is not ASCII": {
			record(slog.LevelInfo, "grün"), ofOutput(),
			"<14>1 2026-02-03T04:05:06.007008Z rig-7 kog 42 output " + sd + " \ufeffgrün",
			"<14>STAMP rig-7 kog[42]: [run=r1 step=run/start attempt=2 stream=stderr] grün",
		},
		"an empty line": {
			record(slog.LevelInfo, ""), ofOutput(),
			"<14>1 2026-02-03T04:05:06.007008Z rig-7 kog 42 output " + sd + " ",
			"<14>STAMP rig-7 kog[42]: [run=r1 step=run/start attempt=2 stream=stderr] ",
		},
		"an event": {
			record(slog.LevelWarn, "step finished", "step", "run/start", "attempt", 1, "message", "too\nslow", "took", 1500*time.Millisecond, "run", "r1"), nil,
			`<12>1 2026-02-03T04:05:06.007008Z rig-7 kog 42 run [kog@32473 run="r1" step="run/start" attempt="1"][meta sequenceId="1"] step finished message="too\nslow" took=1.5s`,
			`<12>STAMP rig-7 kog[42]: [run=r1 step=run/start attempt=1] step finished message="too\nslow" took=1.5s`,
		},
		"something else": {
			record(slog.LevelError, "bad", slog.Group("g", "a", "", "at", time.Unix(0, 0)), "error", fmt.Errorf("x=y")), nil,
			`<11>1 2026-02-03T04:05:06.007008Z rig-7 kog 42 log [meta sequenceId="1"] bad g.a="" g.at=1970-01-01T00:00:00Z error="x=y"`,
			`<11>STAMP rig-7 kog[42]: bad g.a="" g.at=1970-01-01T00:00:00Z error="x=y"`,
		},
		"a step with an evil name": {
			record(slog.LevelDebug, "x", "step", "a\"b\\c]d\n[e"), nil,
			`<15>1 2026-02-03T04:05:06.007008Z rig-7 kog 42 log [kog@32473 step="a\"b\\c\]d\\n[e"][meta sequenceId="1"] x`,
			`<15>STAMP rig-7 kog[42]: [step="a\"b\\c]d\\n[e"] x`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := formatted(t, "rfc5424 tcp", tc.record, tc.with...); got != tc.want {
				t.Errorf("rfc5424:\n%q, want\n%q", got, tc.want)
			}
			stamp := tc.record.Time.Local().Format(time.Stamp)
			if got, want := formatted(t, "rfc3164 tcp", tc.record, tc.with...), strings.Replace(tc.want3164, "STAMP", stamp, 1); got != want {
				t.Errorf("rfc3164:\n%q, want\n%q", got, want)
			}
		})
	}
}

func TestControlCharactersAreHarmless(t *testing.T) {
	got := formatted(t, "rfc5424 tcp", record(slog.LevelInfo, "\ufeffa\r\n<11>1 forged\x00\x1b[31m\x7f\u009b\u202e\t\xff\\n", "key\n", "\x1b"))
	want := ` [meta sequenceId="1"] \ufeffa\r\n<11>1 forged\x00\x1b[31m\x7f\u009b\u202e\t\xff\n "key\n"="\x1b"`
	if !strings.HasSuffix(got, want) {
		t.Errorf("%q, want %q at its end", got, want)
	}
}

func TestGroups(t *testing.T) {
	f, err := newFormat("rfc5424", "udp")
	if err != nil {
		t.Fatal(err)
	}
	s := &Syslog{format: f, level: slog.LevelInfo, writer: &writer{queue: newQueue(1 << 20)}}
	slog.New(s.Handler()).With("a", 1).WithGroup("g").With("b", 2).WithGroup("").Info("m", "run", 3, slog.Group("", "c", 4))
	line := string(s.writer.queue.take(1)[0].data)
	if want := ` m a=1 g.b=2 g.run=3 g.c=4`; !strings.HasSuffix(line, want) {
		t.Errorf("%q, want %q at its end", line, want)
	}
}

func TestSequenceBeginsAnew(t *testing.T) {
	for seq, want := range map[uint64]string{1: "1", 1<<31 - 1: "2147483647", 1 << 31: "1"} {
		if got := string(appendStructured(nil, message{seq: seq})); got != `[meta sequenceId="`+want+`"]` {
			t.Errorf("%d: %s", seq, got)
		}
	}
}

func TestLongMessagesAreCutWithAMark(t *testing.T) {
	for _, tc := range []struct {
		name, network string
		limit         int
	}{
		{"rfc5424", "udp", 1400}, {"rfc3164", "udp", 1024}, {"rfc5424", "tcp", 8192}, {"rfc3164", "tls", 8192},
	} {
		for _, unit := range []string{"x", "ü", "€", "😀"} {
			text := strings.Repeat(unit, 12000/len(unit))
			got := formatted(t, tc.name+" "+tc.network, record(slog.LevelInfo, text), ofOutput()...)
			if len(got) > tc.limit || len(got) < tc.limit-len(unit) || !utf8.ValidString(got) {
				t.Errorf("%s over %s: %d bytes of %q, limit %d", tc.name, tc.network, len(got), unit, tc.limit)
			}
			if !strings.HasSuffix(got, unit+"... [cut, "+fmt.Sprint(marked(tc.name, len(text)))+" bytes]") {
				t.Errorf("%s over %s: %q", tc.name, tc.network, got[len(got)-60:])
			}
		}
		evil := strings.Repeat(`"\]`, 100)
		got := formatted(t, tc.name+" "+tc.network, record(slog.LevelInfo, strings.Repeat("x", 10000), "run", evil, "step", evil, "attempt", evil, "stream", evil))
		if len(got) > tc.limit {
			t.Errorf("%s over %s: %d bytes with long labels, limit %d", tc.name, tc.network, len(got), tc.limit)
		}
	}
}

// marked is the length that the mark tells: in RFC 3164 the labels are text too.
func marked(name string, text int) int {
	if name == "rfc3164" {
		return text + len("[run=r1 step=run/start attempt=2 stream=stderr] ")
	}
	return text
}

func TestUnknownSyslogFormat(t *testing.T) {
	if _, err := NewSyslog(SyslogOptions{Format: "rfc1"}); err == nil || !strings.Contains(err.Error(), "want rfc5424 or rfc3164") {
		t.Errorf("error %v", err)
	}
}

func TestHostName(t *testing.T) {
	for in, want := range map[string]string{"": "-", "rig": "rig", "a b\nc\x7fü": "abc", strings.Repeat("h", 300): strings.Repeat("h", 255)} {
		if got := hostName(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// FuzzFormats holds the lines against another project's parser.
func FuzzFormats(f *testing.F) {
	f.Add("hello", "run/start", "r", "value")
	f.Add("\ufeffü\x00\xff", "]\"\\", "\n", "=")
	f.Fuzz(func(t *testing.T, text, step, run, value string) {
		r := record(slog.LevelInfo, text, "step", step, "run", run, "key", value)
		for _, network := range []string{"udp", "tcp"} {
			got := formatted(t, "rfc5424 "+network, r)
			msg, err := rfc5424.NewParser().Parse([]byte(got))
			if err != nil {
				t.Fatalf("%q: %v", got, err)
			}
			m := msg.(*rfc5424.SyslogMessage)
			if m.Message == nil || *m.Appname != "kog" || *m.Priority != 14 {
				t.Fatalf("%q: %+v", got, m)
			}
			body := strings.TrimPrefix(*m.Message, "\ufeff")
			if !utf8.ValidString(body) || strings.ContainsAny(body, "\n\r\x00\x1b\x7f\ufeff") || len(got) > maxStream {
				t.Fatalf("%q", body)
			}
			if step != "" {
				if sd := (*m.StructuredData)["kog@32473"]["step"]; sd != string(label(step)) {
					t.Fatalf("step %q, want %q", sd, label(step))
				}
			}
			old := formatted(t, "rfc3164 "+network, r)
			if _, err := rfc3164.NewParser().Parse([]byte(old)); err != nil || strings.ContainsAny(old, "\n\r\x00\x1b\x7f") {
				t.Fatalf("%q: %v", old, err)
			}
		}
	})
}
