package docker

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/docker/cli/cli/connhelper/commandconn"
	"github.com/docker/cli/cli/connhelper/ssh"
	"github.com/moby/moby/client"
)

// farHost stands for the far end in requests, where nobody looks at it.
const farHost = "http://engine.invalid"

// overSSH reaches an engine through the system's ssh command, with the engine's
// own command at the far end, which passes everything on to its socket. The
// option is the one that tells that command of another socket; flags are for ssh.
func overSSH(host, command, option string, flags ...string) (endpoint, error) {
	far, err := ssh.ParseURL(host)
	if err != nil {
		return endpoint{}, fmt.Errorf("host %s: %w", shown(host), err)
	}
	pass := []string{command, "system", "dial-stdio"}
	if strings.Trim(far.Path, "/") != "" {
		pass = []string{command, option, "unix://" + far.Path, "system", "dial-stdio"}
	}
	args, err := far.Command(append([]string{"-T", "-o", "ConnectTimeout=30"}, flags...), pass...)
	if err != nil {
		return endpoint{}, fmt.Errorf("host %s: %w", shown(host), err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := commandconn.New(ctx, "ssh", args...)
		if err != nil {
			return nil, err
		}
		return &sshConn{Conn: conn}, nil
	}
	return endpoint{host: shown(host), options: []client.Opt{
		client.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: dial}}),
		client.WithHost(farHost),
		client.WithDialContext(dial),
		client.WithAPIVersionFromEnv(),
	}}, nil
}

// sshConn is a connection through an ssh command. If that ends before the far
// end has said anything, only reading tells why: writing goes on as if it
// worked, and leaves the word to it.
type sshConn struct {
	net.Conn
	heard atomic.Bool
}

func (c *sshConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.heard.Store(true)
	}
	return n, err
}

func (c *sshConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil && !c.heard.Load() {
		return len(p), nil
	}
	return n, err
}

// CloseWrite tells the far end that nothing more comes.
func (c *sshConn) CloseWrite() error {
	return c.Conn.(client.CloseWriter).CloseWrite()
}
