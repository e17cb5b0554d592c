package logs_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leodido/go-syslog/v4/rfc3164"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"gitlab.com/f5-pwe/kog/v3/internal/logs"
	"gitlab.com/f5-pwe/kog/v3/internal/logs/rsyslogtest"
)

// transports are all ways to a server.
func transports(s *rsyslogtest.Server) map[string]string {
	return map[string]string{"udp": s.UDP(), "tcp": s.TCP(), "tls": s.TLS()}
}

// connect gives a log that goes to a server.
func connect(t *testing.T, s *rsyslogtest.Server, address, format string) (*slog.Logger, *logs.Syslog) {
	t.Helper()
	a, err := logs.ParseSyslogAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	config, err := logs.TLSFiles{CA: s.CA, Cert: s.Client.Cert, Key: s.Client.Key}.Config()
	if err != nil {
		t.Fatal(err)
	}
	out, err := logs.NewSyslog(logs.SyslogOptions{Address: a, Format: format, TLS: config})
	if err != nil {
		t.Fatal(err)
	}
	return slog.New(out.Handler()).With("run", "r1"), out
}

// numbers are the lines "line N" among the messages, each once.
func numbers(t *testing.T, messages []string) map[int]bool {
	t.Helper()
	got := map[int]bool{}
	for _, m := range messages {
		_, text, _ := strings.Cut(m, "] line ")
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("message %q", m)
		}
		got[n] = true
	}
	return got
}

func TestServerGetsEveryLine(t *testing.T) {
	s := rsyslogtest.Start(t)
	want := 0
	for name, address := range transports(s) {
		confirmed := false
		for _, format := range []string{"rfc5424", "rfc3164"} {
			log, out := connect(t, s, address, format)
			log.Warn("grün ]\n\x1b", "step", `a"b\c]d`, "attempt", 2, "stream", "stderr", "via", name+format)
			want++
			s.Await(t, "the message", func(m []string) bool { return len(m) == want })
			loss := out.Close(context.Background())
			if loss.Lost > 0 || loss.Err != nil {
				t.Errorf("%s, %s: %+v", name, format, loss)
			}
			confirmed = confirmed || loss.Unconfirmed == 0 // a machine that is busy may be too slow once
		}
		if !confirmed {
			t.Errorf("%s: the server never ended a connection in time", name)
		}
	}
	for _, m := range s.Await(t, "all messages", func(m []string) bool { return len(m) == want }) {
		text := `grün ]\n\x1b via=`
		if strings.Contains(m, "rfc3164") {
			msg, err := rfc3164.NewParser().Parse([]byte(m))
			if err != nil {
				t.Fatalf("%q: %v", m, err)
			}
			got := msg.(*rfc3164.SyslogMessage)
			if *got.Priority != 12 || *got.Appname != "kog" || !strings.HasPrefix(*got.Message, `[run=r1 step="a\"b\\c]d" attempt=2 stream=stderr] `+text) {
				t.Errorf("%q: %+v", m, got)
			}
			continue
		}
		msg, err := rfc5424.NewParser().Parse([]byte(m))
		if err != nil {
			t.Fatalf("%q: %v", m, err)
		}
		got := msg.(*rfc5424.SyslogMessage)
		labels := fmt.Sprint((*got.StructuredData)["kog@32473"])
		if *got.Priority != 12 || *got.Appname != "kog" || *got.MsgID != "output" || labels != `map[attempt:2 run:r1 step:a"b\c]d stream:stderr]` {
			t.Errorf("%q: %+v", m, got)
		}
		if !strings.HasPrefix(*got.Message, "\ufeff"+text) && !strings.HasPrefix(*got.Message, text) {
			t.Errorf("message %q", *got.Message)
		}
	}
}

// The server goes down, is killed, and hangs until it is killed, in the midst
// of lines, and comes back each time: a stream loses nothing.
func TestServerComesBack(t *testing.T) {
	for name, down := range map[string]func(*testing.T, *rsyslogtest.Server, func()){
		"terminated": func(t *testing.T, s *rsyslogtest.Server, more func()) { s.Terminate(t); more() },
		"killed":     func(t *testing.T, s *rsyslogtest.Server, more func()) { s.Kill(t); more() },
		"hung":       func(t *testing.T, s *rsyslogtest.Server, more func()) { s.Hang(t); more(); s.Wake(t) },
		"hung and killed": func(t *testing.T, s *rsyslogtest.Server, more func()) {
			s.Hang(t)
			more()
			s.Kill(t)
		},
	} {
		for _, network := range []string{"tcp", "tls"} {
			t.Run(name+" over "+network, func(t *testing.T) {
				t.Parallel()
				s := rsyslogtest.Start(t)
				log, out := connect(t, s, transports(s)[network], "rfc5424")
				n := 0
				lines := func() {
					for range 200 {
						log.Info(fmt.Sprintf("line %d", n))
						n++
					}
				}
				lines()
				s.Await(t, "the first lines", func(m []string) bool { return len(m) >= 100 })
				lines()
				down(t, s, lines)
				if !strings.Contains(name, "hung") || strings.Contains(name, "killed") {
					s.Restart(t)
				}
				lines()
				s.Await(t, "a line after the return", func(m []string) bool { return numbers(t, m)[n-1] })
				if loss := out.Close(context.Background()); loss.Lost > 0 {
					t.Errorf("%+v", loss)
				}
				messages := s.Await(t, "all lines", func(m []string) bool { return len(numbers(t, m)) == n })
				t.Logf("%d lines came, %d of them twice", n, len(messages)-n)
			})
		}
	}
}

// Datagrams that the system refuses are sent again.
func TestDatagramsAfterTheServersReturn(t *testing.T) {
	s := rsyslogtest.New(t)
	log, out := connect(t, s, s.UDP(), "rfc5424")
	for n := range 50 {
		log.Info(fmt.Sprintf("line %d", n))
	}
	s.Restart(t)
	s.Await(t, "all lines", func(m []string) bool { return len(numbers(t, m)) == 50 })
	if loss := out.Close(context.Background()); loss.Lost > 0 || loss.Unconfirmed > 0 {
		t.Errorf("%+v", loss)
	}
}

func TestLossIsTold(t *testing.T) {
	s := rsyslogtest.Start(t)
	for name, tc := range map[string]struct {
		files logs.TLSFiles
		want  string
	}{
		"a server that is not trusted": {logs.TLSFiles{Cert: s.Client.Cert, Key: s.Client.Key}, "certificate signed by unknown authority"},
		"a client that is not trusted": {logs.TLSFiles{CA: s.CA, Cert: s.Stranger.Cert, Key: s.Stranger.Key}, ""},
		"no certificate":               {logs.TLSFiles{CA: s.CA}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := logs.ParseSyslogAddress(s.TLS())
			if err != nil {
				t.Fatal(err)
			}
			config, err := tc.files.Config()
			if err != nil {
				t.Fatal(err)
			}
			out, err := logs.NewSyslog(logs.SyslogOptions{Address: a, Format: "rfc5424", TLS: config})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				slog.New(out.Handler()).Info("line")
			}
			loss := out.Close(context.Background())
			if loss.Lost+loss.Unconfirmed != 3 || loss.Err != nil && !strings.Contains(loss.Err.Error(), tc.want) {
				t.Errorf("%+v", loss)
			}
		})
	}
	if m := s.Messages(t); len(m) > 0 {
		t.Errorf("the server took %q", m)
	}
}

// A server that hangs costs nothing but its lines, and they are counted.
func TestHungServer(t *testing.T) {
	for _, network := range []string{"tcp", "tls"} {
		t.Run(network, func(t *testing.T) {
			s := rsyslogtest.Start(t)
			log, out := connect(t, s, transports(s)[network], "rfc5424")
			log.Info("line 0")
			s.Await(t, "the first line", func(m []string) bool { return len(m) == 1 })
			s.Hang(t)
			const n = 30_000
			text := strings.Repeat("x", 200)
			for range n {
				log.Info(text)
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			loss := out.Close(ctx)
			s.Wake(t)
			if loss.Lost < n/2 {
				t.Errorf("%+v of %d", loss, n)
			}
			sent := s.Await(t, "what the system had taken", func(m []string) bool { return len(m)+loss.Lost >= n/2 })
			if len(sent)+loss.Lost > n+1 {
				t.Errorf("%d came and %d are lost, of %d", len(sent), loss.Lost, n+1)
			}
		})
	}
}
