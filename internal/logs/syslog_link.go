package logs

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"time"
)

const (
	// dialLimit bounds finding the server, connecting and the TLS handshake.
	dialLimit = 5 * time.Second
	// writeLimit is how long a server may take nothing before the connection
	// is given up.
	writeLimit = 10 * time.Second
	// sendBuffer keeps the system from taking much more than is kept here for
	// being sent again.
	sendBuffer = 64 << 10
)

// dialer connects to the server.
type dialer func(ctx context.Context) (net.Conn, error)

func newDialer(a SyslogAddress, config *tls.Config) dialer {
	plain := &net.Dialer{}
	if a.Network != "tls" {
		return func(ctx context.Context) (net.Conn, error) { return plain.DialContext(ctx, a.Network, a.hostPort()) }
	}
	secure := &tls.Dialer{NetDialer: plain, Config: config}
	return func(ctx context.Context) (net.Conn, error) { return secure.DialContext(ctx, "tcp", a.hostPort()) }
}

// link is one connection to a server. One goroutine reads from it, only to
// learn that it has ended.
type link struct {
	conn net.Conn
	// raw lies under a TLS connection, whose own Close may wait for the server;
	// else it is conn.
	raw net.Conn
	// stream: messages have their length before them (octet counting, RFC 6587
	// section 3.4.1 and RFC 5425 section 4.3); else each is a datagram.
	stream bool
	// ended gets why the connection ended.
	ended chan error
	// unhook ends the watch over the context, whose end closes the connection.
	unhook func() bool
	buf    []byte
}

// dial makes a link, which ends with the context.
func dial(ctx context.Context, d dialer, stream bool) (*link, error) {
	dialCtx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	conn, err := d(dialCtx)
	if err != nil {
		return nil, err
	}
	l := &link{conn: conn, raw: conn, stream: stream, ended: make(chan error, 1)}
	if secure, ok := conn.(*tls.Conn); ok {
		l.raw = secure.NetConn()
	}
	if tcp, ok := l.raw.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // it works with any
	}
	l.unhook = context.AfterFunc(ctx, func() { _ = l.raw.Close() })
	go func() {
		_, err := io.Copy(io.Discard, conn)
		if err == nil {
			err = io.EOF
		}
		l.ended <- err
		close(l.ended)
	}()
	return l, nil
}

// send writes lines. After an error it is not known how many got through.
func (l *link) send(lines []line) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return err
	}
	if !l.stream {
		for _, line := range lines {
			if _, err := l.conn.Write(line.data); err != nil {
				return err
			}
		}
		return nil
	}
	l.buf = l.buf[:0]
	for _, line := range lines {
		l.buf = strconv.AppendInt(l.buf, int64(len(line.data)), 10)
		l.buf = append(l.buf, ' ')
		l.buf = append(l.buf, line.data...)
	}
	_, err := l.conn.Write(l.buf)
	return err
}

// finish tells the server that nothing more comes. Its own end of the
// connection then is the sign that it has read everything.
func (l *link) finish() error {
	half, ok := l.conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.New("this connection cannot be closed on one side")
	}
	return half.CloseWrite()
}

// wasReset reports, after the end of a TLS connection, whether the server had
// closed it before it got what was sent last, as one does that takes no such
// client. Only then is the connection below not there any more.
func (l *link) wasReset() bool {
	tcp, ok := l.raw.(*net.TCPConn)
	return ok && l.raw != l.conn && tcp.CloseWrite() != nil
}

// close ends the connection and waits for its reader.
func (l *link) close() {
	l.unhook()
	_ = l.raw.Close()
	for range l.ended { // drained until the reader is gone
	}
}

// read reports whether the end of a stream says that the server had read
// everything that had reached it: a system resets the connection of a program
// that ends with unread data. Source: RFC 1122 section 4.2.2.13.
func read(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
