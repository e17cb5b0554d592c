//go:build linux

// Package rsyslogtest runs a real syslog server for tests: rsyslogd, on an
// address of this machine only, with folders of its own.
package rsyslogtest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
)

// patience is how long something may take that is bound to happen.
const patience = time.Minute

// The ports that the server listens on.
const (
	udpPort = 10514
	tcpPort = 10515
	tlsPort = 10516
)

// Server is a rsyslogd that takes UDP, TCP and TLS and writes every message into a
// file, as it came.
type Server struct {
	// CA has the authority that signed the server's certificate and Client.
	CA string
	// Client is a certificate that the server takes, Stranger one of an
	// authority that it does not know.
	Client, Stranger Pair

	host string
	dir  string
	cmd  *exec.Cmd
	done chan struct{} // closed after the process has ended
}

const config = `global(workDirectory="DIR" maxMessageSize="64k"
  defaultNetstreamDriverCAFile="DIR/authority.crt"
  defaultNetstreamDriverCertFile="DIR/server.crt" defaultNetstreamDriverKeyFile="DIR/server.key")
main_queue(queue.type="Direct")
module(load="imudp")
module(load="imtcp")
input(type="imudp" address="HOST" port="UDP" rcvbufSize="4m")
input(type="imtcp" address="HOST" port="TCP")
input(type="imtcp" address="HOST" port="TLS" streamDriver.name="gtls" streamDriver.mode="1"
  streamDriver.authMode="x509/name" permittedPeer=["client"])
template(name="raw" type="string" string="%rawmsg%\n")
action(type="omfile" file="DIR/messages" template="raw")
`

// Start starts a server, which ends with the test. Where there is no rsyslogd
// the test is skipped, see executortest.Unavailable.
func Start(t testing.TB) *Server {
	t.Helper()
	s := New(t)
	s.Restart(t)
	return s
}

// New prepares a server that does not run yet.
func New(t testing.TB) *Server {
	t.Helper()
	if _, err := rsyslogd(); err != nil {
		executortest.Unavailable(t, "syslog", err.Error())
	}
	// Every server has an address of its own, so that nobody else has its ports.
	ip := net.IPv4(127, byte(1+rand.IntN(250)), byte(rand.IntN(256)), byte(1+rand.IntN(254)))
	s := &Server{dir: t.TempDir(), host: ip.String()}
	known, unknown := newAuthority(t, s.dir, "authority"), newAuthority(t, s.dir, "unknown")
	s.CA = known.file("authority.crt")
	known.pair(t, "server", ip)
	s.Client, s.Stranger = known.pair(t, "client", ip), unknown.pair(t, "stranger", ip)
	text := strings.NewReplacer("DIR", s.dir, "HOST", s.host, `"UDP"`, quoted(udpPort), `"TCP"`, quoted(tcpPort), `"TLS"`, quoted(tlsPort)).Replace(config)
	if err := os.WriteFile(s.path("rsyslog.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Kill(t) })
	return s
}

// rsyslogd finds the server, also outside of an ordinary user's PATH, and its
// module for TLS.
func rsyslogd() (string, error) {
	if found, err := filepath.Glob("/usr/lib/*/rsyslog/lmnsd_gtls.so"); err != nil || len(found) == 0 {
		return "", errors.New("needs rsyslog-gnutls")
	}
	if path, err := exec.LookPath("rsyslogd"); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/rsyslogd")
}

func quoted(port int) string { return strconv.Quote(strconv.Itoa(port)) }

func (s *Server) at(port int) string { return net.JoinHostPort(s.host, strconv.Itoa(port)) }

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }

// UDP is where the server takes datagrams, TCP and TLS where it takes streams.
func (s *Server) UDP() string { return "udp://" + s.at(udpPort) }

// TCP is where the server takes streams.
func (s *Server) TCP() string { return "tcp://" + s.at(tcpPort) }

// TLS is where the server takes streams from who shows the Client certificate.
func (s *Server) TLS() string { return "tls://" + s.at(tlsPort) }

// Restart starts the server, after New or Kill, and waits until it listens.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	path, err := rsyslogd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(s.path("pid")); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	s.cmd = exec.Command(path, "-n", "-f", s.path("rsyslog.conf"), "-i", s.path("pid")) //nolint:gosec // a test starts what it was made for
	s.cmd.Stdout, s.cmd.Stderr = &output, &output
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, done := s.cmd, make(chan struct{})
	s.done = done
	go func() { _ = cmd.Wait(); close(done) }()
	until(t, "rsyslogd listens", func() bool {
		select {
		case <-done:
			t.Fatalf("rsyslogd has ended: %s", &output)
		default:
		}
		return s.listens()
	})
}

// listens looks into the system's tables: trying to connect would leave traces,
// and trying to listen would take the ports away from the server.
func (s *Server) listens() bool {
	ip := net.ParseIP(s.host).To4()
	for table, ports := range map[string][]int{"/proc/net/udp": {udpPort}, "/proc/net/tcp": {tcpPort, tlsPort}} {
		data, err := os.ReadFile(table)
		if err != nil {
			return false
		}
		for _, port := range ports {
			if !bytes.Contains(data, fmt.Appendf(nil, ": %08X:%04X ", binary.NativeEndian.Uint32(ip), port)) {
				return false
			}
		}
	}
	return true
}

// Kill ends the server at once, hung or not.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if s.done == nil {
		return
	}
	s.signal(t, syscall.SIGKILL)
	<-s.done
	s.done = nil
}

// Terminate ends the server as the system does when it goes down.
func (s *Server) Terminate(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGTERM)
	<-s.done
	s.done = nil
}

// Hang stops the server: connections stay, and nothing is read.
func (s *Server) Hang(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGSTOP)
}

// Wake lets a server that hangs go on.
func (s *Server) Wake(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGCONT)
}

func (s *Server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("send %s to rsyslogd: %v", sig, err)
	}
}

// Messages are all that the server has written, oldest first, without what it
// says about itself.
func (s *Server) Messages(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile(s.path("messages"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		if line, whole := strings.CutSuffix(line, "\n"); whole && strings.Contains(line, " kog") {
			out = append(out, line)
		}
	}
	return out
}

// Await waits until the messages are as they should be, and returns them.
func (s *Server) Await(t testing.TB, what string, right func([]string) bool) []string {
	t.Helper()
	var messages []string
	until(t, what, func() bool {
		messages = s.Messages(t)
		return right(messages)
	})
	return messages
}

func until(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}
