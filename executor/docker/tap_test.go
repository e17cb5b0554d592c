package docker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
)

// standIn is an engine with one container that has ended, for what real ones
// do seldom.
type standIn struct {
	// output is all that the container has written.
	output []frame
	// attach sends it to whoever is attached; nil refuses that.
	attach func(s *standIn, to net.Conn)

	logsRead atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// frame is a part of an output, as engines send it.
type frame struct {
	stream stdcopy.StdType
	text   string
}

func (f frame) bytes() []byte {
	head := make([]byte, 8, 8+len(f.text))
	head[0] = byte(f.stream)
	binary.BigEndian.PutUint32(head[4:], uint32(len(f.text)))
	return append(head, f.text...)
}

func (s *standIn) send(w io.Writer, frames []frame) {
	for _, f := range frames {
		_, _ = w.Write(f.bytes()) // fails when the other side has hung up
	}
}

// die ends all connections, as a process does that is killed. Its successor
// listens already.
func (s *standIn) die() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Api-Version", "1.47")
	switch path := r.URL.Path; {
	case path == "/_ping":
		_, _ = io.WriteString(w, "OK")
	case strings.HasSuffix(path, "/attach") && s.attach != nil:
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
		s.attach(s, conn)
		_ = conn.Close()
	case strings.HasSuffix(path, "/logs"):
		s.logsRead.Add(1)
		s.send(w, s.output)
	case strings.HasSuffix(path, "/json"):
		_, _ = io.WriteString(w, `{"Id":"c","State":{"Status":"exited"}}`)
	default:
		http.NotFound(w, r)
	}
}

// start gives an executor for it.
func (s *standIn) start(t *testing.T) *Executor {
	t.Helper()
	socket := filepath.Join(ShortDir(t), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s.conns = map[net.Conn]bool{}
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute, ConnState: func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.conns[c] = true
		}
	}}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		s.die()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	e, err := New(Options{Host: "unix://" + socket})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// someOutput has the same line at every place, so that nothing but its length
// tells whether some are missing.
func someOutput() []frame {
	var all []frame
	for i := range 1000 {
		stream := stdcopy.Stdout
		if i%3 == 0 {
			stream = stdcopy.Stderr
		}
		all = append(all, frame{stream, "again and again\n"})
	}
	return all
}

// texts are the two streams.
func texts(frames []frame) (stdout, stderr string) {
	var out, errs strings.Builder
	for _, f := range frames {
		if f.stream == stdcopy.Stdout {
			out.WriteString(f.text)
		} else {
			errs.WriteString(f.text)
		}
	}
	return out.String(), errs.String()
}

func TestFollowAttached(t *testing.T) {
	output := someOutput()
	for name, test := range map[string]struct {
		attach func(*standIn, net.Conn)
		logs   int64 // how often the log is read
	}{
		"to the end": {func(s *standIn, to net.Conn) { s.send(to, output) }, 0},
		"refused":    {nil, 1},
		"cut between two lines": {func(s *standIn, to net.Conn) {
			s.send(to, output[:500])
			s.die()
		}, 1},
		"cut within a line": {func(s *standIn, to net.Conn) {
			s.send(to, output[:500])
			_, _ = to.Write(output[500].bytes()[:11])
			s.die()
		}, 1},
		"cut before the first": {func(s *standIn, _ net.Conn) { s.die() }, 1},
		"cut after the last": {func(s *standIn, to net.Conn) {
			s.send(to, output)
			s.die()
		}, 1},
		"an error of the engine": {func(s *standIn, to net.Conn) {
			s.send(to, output[:500])
			s.send(to, []frame{{stdcopy.Systemerr, "something failed"}})
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := &standIn{output: output, attach: test.attach}
			e := s.start(t)
			e.tap(t.Context(), "c", e.tapLife(t.Context(), "c"))
			p := e.process("id", "c")
			wantOut, wantErr := texts(output)
			for round := range int64(2) {
				var out, errs bytes.Buffer
				if err := p.Follow(t.Context(), &out, &errs); err != nil {
					t.Fatal(err)
				}
				if out.String() != wantOut || errs.String() != wantErr {
					t.Errorf("round %d gives %d and %d bytes, want %d and %d", round, out.Len(), errs.Len(), len(wantOut), len(wantErr))
				}
				if got, want := s.logsRead.Load(), test.logs+round; got != want {
					t.Errorf("after round %d the log was read %d times, want %d", round, got, want)
				}
			}
		})
	}
}

// TestFollowBehind: who reads too slowly gets everything all the same, and the
// engine is let go meanwhile.
func TestFollowBehind(t *testing.T) {
	output := []frame{{stdcopy.Stdout, "first\n"}}
	for i := range 2 * tapLimit / tapPiece {
		output = append(output, frame{stdcopy.Stdout, strings.Repeat(fmt.Sprintf("%7d\n", i), tapPiece/8)})
	}
	released := make(chan struct{})
	s := &standIn{output: output, attach: func(s *standIn, to net.Conn) {
		s.send(to, output) // does not end before all is taken, or somebody hangs up
		close(released)
	}}
	e := s.start(t)
	e.tap(t.Context(), "c", e.tapLife(t.Context(), "c"))
	var out bytes.Buffer
	stuck := writerFunc(func(p []byte) (int, error) {
		<-released
		return out.Write(p)
	})
	if err := e.process("id", "c").Follow(t.Context(), stuck, io.Discard); err != nil {
		t.Fatal(err)
	}
	if want, _ := texts(output); out.String() != want {
		t.Errorf("stdout has %d bytes, want %d", out.Len(), len(want))
	}
	if s.logsRead.Load() != 1 {
		t.Errorf("the log was read %d times, want once", s.logsRead.Load())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestTapsClosed: what nobody has read is let go with the container.
func TestTapsClosed(t *testing.T) {
	released := make(chan struct{})
	s := &standIn{attach: func(_ *standIn, to net.Conn) {
		_, _ = to.Read(make([]byte, 1)) // ends when the other side hangs up
		close(released)
	}}
	e := s.start(t)
	e.tap(t.Context(), "c", e.tapLife(t.Context(), "c"))
	if err := e.removeContainer(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	<-released
	if len(e.taps.open) != 0 {
		t.Errorf("%d taps are left", len(e.taps.open))
	}
}

// TestTapFromAfar: a connection over a network may stall without a word.
func TestTapFromAfar(t *testing.T) {
	e := (&standIn{attach: func(*standIn, net.Conn) {}}).start(t)
	e.Afar()
	e.tap(t.Context(), "c", e.tapLife(t.Context(), "c"))
	if e.taps.take("c") != nil {
		t.Error("an engine from afar is attached to")
	}
}

// TestTapPatience: a reader who is behind is waited for, and not one who goes
// on byte by byte.
func TestTapPatience(t *testing.T) {
	const size = 3 * tapLimit
	for name, test := range map[string]struct {
		reads int // at a time, as often as patience allows
		want  error
	}{
		"half at a time":      {tapLimit / 2, io.EOF},
		"a quarter at a time": {tapLimit / 4, errBehind},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				go func() {
					_, _ = there.Write(make([]byte, size)) // fails when the other side hangs up
					_ = there.Close()
				}()
				tap := newTap(here, here, livingEngine(t))
				var err error
				got, piece := 0, make([]byte, test.reads)
				for err == nil {
					time.Sleep(tapPatience * 3 / 4)
					var n int
					n, err = io.ReadFull(tap, piece)
					got += n
				}
				tap.close()
				if !errors.Is(err, test.want) {
					t.Errorf("it ends with %v, want %v", err, test.want)
				}
				if (got == size) != errors.Is(test.want, io.EOF) {
					t.Errorf("read %d of %d bytes", got, size)
				}
			})
		})
	}
}

// livingEngine answers pings until its lifeline is closed.
func livingEngine(t *testing.T) *lifeline {
	here, there := net.Pipe()
	go func() {
		request := make([]byte, 1024)
		for {
			if _, err := there.Read(request); err != nil {
				return
			}
			if _, err := io.WriteString(there, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"); err != nil {
				t.Error(err)
			}
		}
	}()
	return newLifeline(here)
}

// TestCounted: however often an output begins anew, it is written once.
func TestCounted(t *testing.T) {
	var out strings.Builder
	c := &counted{w: &out}
	for i, piece := range []string{"", "abc", "a", "abcd", "", "abcdef"} {
		for _, b := range []byte(piece) {
			if n, err := c.Write([]byte{b}); n != 1 || err != nil {
				t.Fatalf("Write gives %d, %v", n, err)
			}
		}
		if n, err := c.Write(nil); n != 0 || err != nil {
			t.Fatalf("Write of nothing gives %d, %v in round %d", n, err, i)
		}
		c = c.rest()
	}
	if n, err := c.Write([]byte("abcdefgh")); n != 8 || err != nil {
		t.Errorf("Write gives %d, %v", n, err)
	}
	if out.String() != "abcdefgh" {
		t.Errorf("%q was written", out.String())
	}
}
