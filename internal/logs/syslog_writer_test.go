package logs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// far is a server in virtual time. Each connection is served by the next of
// its turns; the last one stays. A nil turn refuses the connection.
type far struct {
	turns   []func(*farConn)
	serving sync.WaitGroup

	mu    sync.Mutex
	dials []time.Duration // when, since the beginning
	began time.Time
	texts []string // what was read
}

// farConn is one connection as the server and as kog have it.
type farConn struct {
	net.Conn // kog's end
	server   net.Conn
	far      *far
	reset    bool
	in       *bufio.Reader
}

func (c *farConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, io.EOF) && c.reset {
		err = syscall.ECONNRESET
	}
	return n, err
}

// CloseWrite ends the server's reading: nothing is under way in a pipe.
func (c *farConn) CloseWrite() error { return c.server.SetReadDeadline(time.Now()) }

func (f *far) dial(ctx context.Context) (net.Conn, error) {
	f.mu.Lock()
	f.dials = append(f.dials, time.Since(f.began))
	turn := f.turns[0]
	if len(f.turns) > 1 {
		f.turns = f.turns[1:]
	}
	f.mu.Unlock()
	if turn == nil {
		return nil, errors.New("refused")
	}
	near, server := net.Pipe()
	c := &farConn{Conn: near, server: server, far: f, in: bufio.NewReader(server)}
	f.serving.Go(func() {
		turn(c)
		_ = server.Close()
	})
	return c, ctx.Err()
}

// read takes n lines, all that come when n is negative, and keeps them.
func (c *farConn) read(n int) {
	for ; n != 0; n-- {
		size, err := c.in.ReadString(' ')
		if err != nil {
			return
		}
		length, err := strconv.Atoi(strings.TrimSpace(size))
		if err != nil {
			panic(fmt.Sprintf("frame begins with %q", size))
		}
		data := make([]byte, length)
		if _, err := io.ReadFull(c.in, data); err != nil {
			return
		}
		_, text, _ := strings.Cut(string(data), "] ")
		c.far.mu.Lock()
		c.far.texts = append(c.far.texts, text)
		c.far.mu.Unlock()
	}
}

// Turns of a server.
func all(c *farConn) { c.read(-1) }
func hangs(*farConn) { time.Sleep(time.Hour) }

func leavesAfter(n int, reset bool) func(*farConn) {
	return func(c *farConn) { c.read(n); c.reset = reset }
}

// inVirtualTime gives a log to a server.
func inVirtualTime(t *testing.T, queue int, turns []func(*farConn), f func(t *testing.T, log *slog.Logger, s *Syslog, server *far)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := &far{turns: turns, began: time.Now()}
		s, err := NewSyslog(SyslogOptions{Address: SyslogAddress{Network: "tcp"}, Format: "rfc5424", dial: server.dial, queue: queue})
		if err != nil {
			t.Fatal(err)
		}
		f(t, slog.New(s.Handler()), s, server)
		server.serving.Wait()
	})
}

func say(log *slog.Logger, from, to int) {
	for n := from; n < to; n++ {
		log.Info(strconv.Itoa(n))
	}
}

func texts(from, to int) []string {
	out := []string{}
	for n := from; n < to; n++ {
		out = append(out, strconv.Itoa(n))
	}
	return out
}

// closing closes and says how long that took.
func closing(s *Syslog) (Loss, time.Duration) {
	began := time.Now()
	loss := s.Close(context.Background())
	return loss, time.Since(began)
}

func TestEverythingArrivesInOrder(t *testing.T) {
	inVirtualTime(t, 0, []func(*farConn){all}, func(t *testing.T, log *slog.Logger, s *Syslog, server *far) {
		say(log, 0, 5000)
		loss, took := closing(s)
		if loss != (Loss{}) || took != 0 || !slices.Equal(server.texts, texts(0, 5000)) {
			t.Errorf("%+v after %s, %d lines", loss, took, len(server.texts))
		}
	})
}

func TestPausesBetweenConnections(t *testing.T) {
	turns := append(slices.Repeat([]func(*farConn){nil}, 8), leavesAfter(1, false), all)
	inVirtualTime(t, 0, turns, func(t *testing.T, log *slog.Logger, s *Syslog, server *far) {
		say(log, 0, 1)
		time.Sleep(time.Minute)
		say(log, 1, 2)
		loss, _ := closing(s)
		want := []time.Duration{0, 100, 300, 700, 1500, 3100, 6300, 11300, 16300, 21300}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if !slices.Equal(server.dials, want) || loss.Lost+loss.Unconfirmed > 0 {
			t.Errorf("%+v, dials at %v, want %v", loss, server.dials, want)
		}
	})
}

func TestConnectionThatLastedIsMadeAnewAtOnce(t *testing.T) {
	stays := func(c *farConn) { c.read(1); time.Sleep(maxPause) }
	inVirtualTime(t, 0, []func(*farConn){nil, nil, stays, all}, func(t *testing.T, log *slog.Logger, s *Syslog, server *far) {
		say(log, 0, 1)
		time.Sleep(time.Minute)
		_, _ = closing(s)
		if want := 300*time.Millisecond + maxPause; len(server.dials) != 4 || server.dials[3] != want {
			t.Errorf("dials at %v, the last should be at %s", server.dials, want)
		}
	})
}

// Who ended a connection in order had read everything, but perhaps not dealt
// with it: the last second comes again. After a reset all that is kept does.
func TestWhatIsSentAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		reset bool
		want  []string
	}{
		"ended in order": {false, append(texts(0, 6), texts(3, 8)...)},
		"reset":          {true, append(texts(0, 6), texts(0, 8)...)},
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, 0, []func(*farConn){leavesAfter(6, tc.reset), all}, func(t *testing.T, log *slog.Logger, s *Syslog, server *far) {
				say(log, 0, 3)
				time.Sleep(2 * keepTime)
				say(log, 3, 6) // the server leaves here
				time.Sleep(time.Minute)
				say(log, 6, 8)
				if loss, _ := closing(s); loss.Lost+loss.Unconfirmed > 0 || !slices.Equal(server.texts, tc.want) {
					t.Errorf("%+v, the server got %v, want %v", loss, server.texts, tc.want)
				}
			})
		})
	}
}

func TestServerThatLeavesAtTheEnd(t *testing.T) {
	for name, tc := range map[string]struct {
		turns []func(*farConn)
		dials int
		loss  int
	}{
		"and takes it the second time": {[]func(*farConn){leavesAfter(3, true), all}, 2, 0},
		"each time":                    {[]func(*farConn){leavesAfter(3, true)}, 1 + lastDials, 3},
		"and does not come back":       {[]func(*farConn){leavesAfter(3, true), nil}, 2, 3},
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, 0, tc.turns, func(t *testing.T, log *slog.Logger, s *Syslog, server *far) {
				say(log, 0, 3)
				synctest.Wait()
				loss, took := closing(s)
				if loss.Lost != 0 || loss.Unconfirmed != tc.loss || (loss.Err == nil) != (tc.loss == 0 && tc.dials == 1) || took > 0 || len(server.dials) != tc.dials {
					t.Errorf("%+v after %s, %d dials", loss, took, len(server.dials))
				}
			})
		})
	}
}

// A server that takes nothing holds nobody up, costs a bounded amount of
// memory, and every line is accounted for.
func TestHungServerHoldsNobodyUp(t *testing.T) {
	const limit, n = 100_000, 20_000
	inVirtualTime(t, limit, []func(*farConn){hangs}, func(t *testing.T, log *slog.Logger, s *Syslog, _ *far) {
		began := time.Now()
		say(log, 0, n)
		if took := time.Since(began); took != 0 {
			t.Errorf("logging waited for %s", took)
		}
		time.Sleep(2 * time.Second)
		size := s.writer.queue.size
		loss, took := closing(s)
		if took != 0 {
			t.Errorf("the end waited for %s, but the server had hung for longer already", took)
		}
		if loss.Lost+loss.Unconfirmed != n || loss.Unconfirmed == 0 || size > limit {
			t.Errorf("%+v of %d, %d bytes were waiting, limit %d", loss, n, size, limit)
		}
	})
}

// With all that a server made it keep, a log needs little more than it says.
func TestMemoryIsBounded(t *testing.T) {
	const most = 8 << 20
	// It takes lines, all of which are kept within one second, then hangs.
	turn := func(c *farConn) { c.read(50_000); time.Sleep(time.Hour) }
	inVirtualTime(t, 0, []func(*farConn){turn}, func(t *testing.T, log *slog.Logger, s *Syslog, server *far) {
		before := heap()
		for n := range 200_000 {
			if log.Info("an ordinary line of output"); n < 50_000 && n%1000 == 0 {
				synctest.Wait() // not faster than the server
			}
		}
		synctest.Wait()
		server.mu.Lock()
		server.texts = nil
		server.mu.Unlock()
		size := s.writer.queue.size + s.writer.sent.size
		grown := heap() - before
		if size < most*9/10 || size > most || grown > most*5/4 {
			t.Errorf("%d bytes of lines in %d bytes of memory, the limit is %d", size, grown, most)
		}
		if loss, _ := closing(s); loss.Lost < 100_000 {
			t.Errorf("%+v", loss)
		}
	})
}

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // no test has that much
}

func TestEndIsBounded(t *testing.T) {
	slow := func(c *farConn) {
		for range 20 {
			time.Sleep(900 * time.Millisecond)
			c.read(batchSize / maxStream) // a batch, about
		}
	}
	for name, tc := range map[string]struct {
		turn func(*farConn)
		want time.Duration
	}{
		"a server that takes nothing":     {hangs, stallLimit},
		"a server that is slow":           {slow, closeLimit},
		"a server that does not say when": {func(c *farConn) { c.read(50); time.Sleep(time.Hour) }, stallLimit},
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, 0, []func(*farConn){tc.turn}, func(t *testing.T, log *slog.Logger, s *Syslog, _ *far) {
				for range 50 {
					log.Info(strings.Repeat("x", maxStream))
				}
				loss, took := closing(s)
				if took != tc.want || loss.Lost+loss.Unconfirmed == 0 || loss.Err != nil {
					t.Errorf("%+v after %s, want it after %s", loss, took, tc.want)
				}
			})
		})
	}
}

func TestEndThatIsCutShort(t *testing.T) {
	inVirtualTime(t, 0, []func(*farConn){hangs}, func(t *testing.T, log *slog.Logger, s *Syslog, _ *far) {
		say(log, 0, 3)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		began := time.Now()
		if loss := s.Close(ctx); loss.Lost+loss.Unconfirmed != 3 || time.Since(began) != 10*time.Millisecond {
			t.Errorf("%+v after %s", loss, time.Since(began))
		}
	})
}

// A connection that takes nothing is given up, and another one may do better.
func TestWriteThatHangsIsGivenUp(t *testing.T) {
	inVirtualTime(t, 0, []func(*farConn){hangs, all}, func(t *testing.T, log *slog.Logger, s *Syslog, server *far) {
		say(log, 0, 3)
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := []time.Duration{0, writeLimit}; !slices.Equal(server.dials, want) || !slices.Equal(server.texts, texts(0, 3)) {
			t.Errorf("dials at %v, want %v; lines %v", server.dials, want, server.texts)
		}
		if loss, _ := closing(s); loss.Lost+loss.Unconfirmed > 0 {
			t.Errorf("%+v", loss)
		}
	})
}

func TestWhatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sent
		big := line{data: make([]byte, 32<<10-lineCost)}
		add := func(n int) {
			for range n {
				big.sent = time.Now()
				s.add([]line{big})
			}
		}
		add(1000)
		if s.size != keepMax || len(s.lines) != keepMax/big.size() {
			t.Errorf("%d bytes in %d lines within a second, want %d", s.size, len(s.lines), keepMax)
		}
		time.Sleep(2 * keepTime)
		add(1)
		if s.size != keepMin || len(s.lines) != keepMin/big.size() {
			t.Errorf("%d bytes in %d lines a second later, want %d", s.size, len(s.lines), keepMin)
		}
		if got := s.takeBack(true); len(got) != 1 || s.size != 0 || len(s.lines) != 0 {
			t.Errorf("%d of the last second, %d left", len(got), len(s.lines))
		}
	})
}

// BenchmarkHandle is what a line costs who logs it, with a server that hangs
// and with one that takes everything.
func BenchmarkHandle(b *testing.B) {
	for name, dial := range map[string]dialer{
		"hung": func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() },
		"swift": func(context.Context) (net.Conn, error) {
			near, far := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, far); _ = far.Close() }()
			return near, nil
		},
	} {
		b.Run(name, func(b *testing.B) {
			s, err := NewSyslog(SyslogOptions{Address: SyslogAddress{Network: "tcp"}, Format: "rfc5424", dial: dial})
			if err != nil {
				b.Fatal(err)
			}
			log := slog.New(s.Handler()).With("run", "d5rabcdefghijklmnopq", "step", "run/start", "attempt", 1, "stream", "stdout")
			b.ReportAllocs()
			for b.Loop() {
				log.Info("an ordinary line of output, 64 bytes long with its newline.....")
			}
			b.StopTimer()
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			loss := s.Close(ctx)
			b.ReportMetric(float64(loss.Lost)/float64(b.N), "lost/op")
		})
	}
}
