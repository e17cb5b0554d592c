package logs_test

import (
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/internal/logs"
)

func TestParseSyslogAddress(t *testing.T) {
	for text, want := range map[string]logs.SyslogAddress{
		"10.0.0.15:514":           {Network: "udp", Host: "10.0.0.15", Port: "514"},
		"10.0.0.15":               {Network: "udp", Host: "10.0.0.15", Port: "514"},
		"udp://log.example.com":   {Network: "udp", Host: "log.example.com", Port: "514"},
		"tcp://log.example.com":   {Network: "tcp", Host: "log.example.com", Port: "514"},
		"tcp://log:601":           {Network: "tcp", Host: "log", Port: "601"},
		"tls://log":               {Network: "tls", Host: "log", Port: "6514"},
		"tls://[fe80::1]:10514":   {Network: "tls", Host: "fe80::1", Port: "10514"},
		"[2001:db8::1]":           {Network: "udp", Host: "2001:db8::1", Port: "514"},
		"tcp://2001:db8::1":       {Network: "tcp", Host: "2001:db8::1", Port: "514"},
		logs.DefaultSyslogAddress: {Network: "udp", Host: "127.0.0.1", Port: "514"},
	} {
		got, err := logs.ParseSyslogAddress(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
		if again, err := logs.ParseSyslogAddress(got.String()); err != nil || again != got {
			t.Errorf("%q is printed as %q, which is %+v, %v", text, got, again, err)
		}
	}
	for text, why := range map[string]string{
		"":                 "no host",
		":514":             "no host",
		"tcp://":           "no host",
		"http://log":       `unknown scheme "http"`,
		"TCP://log":        `unknown scheme "TCP"`,
		"://log":           `unknown scheme ""`,
		"log:":             `port ""`,
		"log:0":            `port "0"`,
		"log:65536":        `port "65536"`,
		"log:syslog":       `port "syslog"`,
		"log:-1":           `port "-1"`,
		"a:b:1":            "not a host and a port",
		"tcp://user@log:1": `host "user@log"`,
		"tcp://log/path":   `host "log/path"`,
		"tcp://log:514/":   `port "514/"`,
		"tls://[log":       `host "[log"`,
		"two words":        `host "two words"`,
	} {
		if got, err := logs.ParseSyslogAddress(text); err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "want [udp://|tcp://|tls://]HOST[:PORT]") {
			t.Errorf("%q: %+v, %v; want %q", text, got, err, why)
		}
	}
}
