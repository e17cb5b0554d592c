package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// answerTimeout is how long an engine may take to answer a ping.
const answerTimeout = 30 * time.Second

// lifeline is a connection that tells whether the engine is still the same
// process. One that ended and came back cannot answer on it.
type lifeline struct {
	conn net.Conn
	in   *bufio.Reader
}

func newLifeline(conn net.Conn) *lifeline { return &lifeline{conn: conn, in: bufio.NewReader(conn)} }

// lifeline connects to the engine that there is now.
func (e *Executor) lifeline(ctx context.Context) (*lifeline, error) {
	conn, err := e.api.Dialer()(ctx)
	if err != nil {
		return nil, err
	}
	l := newLifeline(conn)
	// Engines hang up on those who connect and say nothing for long.
	if err := l.ask(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return l, nil
}

// close may be called of none, and more than once.
func (l *lifeline) close() {
	if l != nil {
		_ = l.conn.Close() // it may be closed
	}
}

// ask returns nil if the engine is the one that it was.
func (l *lifeline) ask() error {
	if err := l.conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	const ping = "GET /_ping HTTP/1.1\r\nHost: engine\r\n\r\n"
	if _, err := io.WriteString(l.conn, ping); err != nil {
		return err
	}
	answer, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("the engine answers a ping with %s", answer.Status)
	}
	return errors.Join(err, answer.Body.Close())
}
