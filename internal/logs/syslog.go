package logs

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// queueSize is how many bytes of lines may wait for the server.
	queueSize = 4 << 20
	// closeLimit bounds the end of a Syslog, and stallLimit how much of it may
	// go by while the server takes nothing. What it took nothing of before
	// counts too.
	closeLimit = 5 * time.Second
	stallLimit = time.Second
)

// SyslogOptions say where a Syslog sends to, and how.
type SyslogOptions struct {
	Address SyslogAddress
	// Format is "rfc5424" or "rfc3164".
	Format string
	// TLS is for an address with the network "tls". Default: the system's
	// authorities, no certificate.
	TLS *tls.Config
	// Level is the least level that is sent. Default: info.
	Level slog.Leveler

	dial  dialer // for tests; default: by Address
	queue int    // size in bytes; default: queueSize
}

// Syslog sends log records to a syslog server. It never makes a caller wait and
// needs at most 8 MiB for lines that wait (4 MiB) and lines that may have to be
// sent again (4 MiB); what does not fit is dropped and counted.
//
// Its one goroutine connects, again and again when it must, and sends. After a
// connection that ended by itself, it sends what it had sent within the last
// second once more, and after one that was reset or timed out at least the last
// 512 KiB: syslog has no acknowledgement, and a line that comes twice is better
// than one that does not come. In RFC 5424 both have the same sequenceId.
type Syslog struct {
	format format
	level  slog.Leveler
	seq    atomic.Uint64
	writer *writer
	cancel context.CancelFunc
	done   chan struct{}
}

// Loss is what is known not to have reached the server.
type Loss struct {
	// Lost lines were never sent: they were too many, or there was no server.
	Lost int
	// Unconfirmed lines were sent over a connection that did not end as it
	// should; the server may have them.
	Unconfirmed int
	// Err is the latest trouble with the server; nil means that it took too long.
	Err error
}

// NewSyslog begins to connect. That the server cannot be reached is no error.
// Close must be called at the end.
func NewSyslog(o SyslogOptions) (*Syslog, error) {
	f, err := newFormat(o.Format, o.Address.Network)
	if err != nil {
		return nil, err
	}
	if o.Level == nil {
		o.Level = slog.LevelInfo
	}
	if o.dial == nil {
		o.dial = newDialer(o.Address, o.TLS)
	}
	if o.queue == 0 {
		o.queue = queueSize
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Syslog{format: f, level: o.Level, cancel: cancel, done: make(chan struct{})}
	s.writer = &writer{
		dial: o.dial, stream: o.Address.Network != "udp",
		queue: newQueue(o.queue), stop: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		s.writer.run(ctx)
	}()
	return s, nil
}

// Handler gives the handler whose records are sent. It may be used by several
// goroutines at once, but not after Close.
func (s *Syslog) Handler() slog.Handler { return &syslogHandler{out: s} }

// Close sends what still waits, and returns what was lost. It waits for at most
// five seconds, for at most one in which the server takes nothing, and not for
// a server that has taken nothing for that long already. When ctx ends, it
// waits no longer. It must be called once.
func (s *Syslog) Close(ctx context.Context) Loss {
	close(s.writer.stop)
	ctx, cancel := context.WithTimeout(ctx, closeLimit)
	defer cancel()
	for s.waits(ctx) {
	}
	s.cancel()
	<-s.done
	return s.writer.loss()
}

// waits waits until all is sent (false), until there is no hope (false), or
// for a while.
func (s *Syslog) waits(ctx context.Context) bool {
	since := time.Now()
	if busy := s.writer.busy.Load(); busy != 0 {
		since = time.Unix(0, busy)
	}
	left := time.Until(since.Add(stallLimit))
	if left <= 0 {
		return false
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-s.done:
		return false
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// loss may be called after run has ended.
func (w *writer) loss() Loss {
	loss := Loss{Lost: w.queue.left(), Unconfirmed: len(w.sent.lines), Err: w.err}
	for _, l := range w.pending {
		if l.sent.IsZero() {
			loss.Lost++
		} else {
			loss.Unconfirmed++
		}
	}
	return loss
}
