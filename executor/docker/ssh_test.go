package docker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor/docker"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
)

// far is a real SSH server on loopback that lets in who runs the test.
type far struct {
	user, address string
	// key is the client's.
	key string
	// said is all that the server wrote, for messages.
	said lockedBuffer
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// startSSH starts the server, and puts an ssh command first in PATH that knows
// its key and, if asked, has the client's. That command reads the configuration
// of whose home the system says it is, which is no place for a test.
func startSSH(t *testing.T, withKey bool) *far {
	t.Helper()
	server, err := exec.LookPath("/usr/sbin/sshd") // where the system has it; it wants its whole path
	if err != nil {
		executortest.Unavailable(t, "ssh", err.Error())
	}
	client, err := exec.LookPath("ssh")
	if err != nil {
		executortest.Unavailable(t, "ssh", err.Error())
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" {
		separation(t)
	}
	dir := t.TempDir()
	f := &far{user: me.Username, key: filepath.Join(dir, "client")}
	for _, key := range []string{"client", "server"} {
		cmd := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
	}
	writeFile(t, filepath.Join(dir, "sshd_config"), fmt.Appendf(nil, `HostKey %[1]s/server
AuthorizedKeysFile %[1]s/client.pub
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
SetEnv PATH=%[2]s
`, dir, os.Getenv("PATH")), 0o600)
	f.listen(t, server, filepath.Join(dir, "sshd_config"))

	public, err := os.ReadFile(filepath.Join(dir, "server.pub"))
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(f.address)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "known_hosts"), fmt.Appendf(nil, "[127.0.0.1]:%s %s", port, public), 0o600)
	config := fmt.Sprintf("UserKnownHostsFile %s/known_hosts\nStrictHostKeyChecking yes\nIdentitiesOnly yes\nIdentityAgent none\nBatchMode yes\n", dir)
	if withKey {
		config += "IdentityFile " + f.key + "\n"
	} else {
		config += "IdentityFile none\n"
	}
	writeFile(t, filepath.Join(dir, "ssh_config"), []byte(config), 0o600)
	wrapper := fmt.Sprintf("#!/bin/sh\nexec %s -F %s/ssh_config \"$@\"\n", client, dir)
	writeFile(t, filepath.Join(dir, "bin", "ssh"), []byte(wrapper), 0o700)
	t.Setenv("PATH", filepath.Join(dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	return f
}

// separation makes the folder that the server locks its helpers into.
func separation(t *testing.T) {
	t.Helper()
	err := os.Mkdir("/run/sshd", 0o755) //nolint:gosec // as the server's package makes it
	switch {
	case err == nil:
		t.Cleanup(func() { _ = os.Remove("/run/sshd") }) // unless somebody else needs it now
	case !errors.Is(err, os.ErrExist):
		t.Fatal(err)
	}
}

// listen starts one server process for each connection, as inetd does: so the
// port is certain, and each process has somebody who waits for it.
func (f *far) listen(t *testing.T, server, config string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.address = l.Addr().String()
	// A client keeps its connections for later: it is for the server to end them.
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { f.serve(ctx, conn.(*net.TCPConn), server, config) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		end()
		running.Wait()
		if t.Failed() {
			t.Logf("the SSH server said: %s", &f.said)
		}
	})
}

func (f *far) serve(ctx context.Context, conn *net.TCPConn, server, config string) {
	file, err := conn.File()
	_ = conn.Close() // the file is a copy
	if err != nil {
		_, _ = fmt.Fprintln(&f.said, err)
		return
	}
	defer func() { _ = file.Close() }()
	cmd := exec.CommandContext(ctx, server, "-i", "-e", "-f", config)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = file, file, &f.said
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it ends its helpers
	if err := cmd.Run(); err != nil {
		_, _ = fmt.Fprintln(&f.said, err)
	}
}

// url is that of an engine at the far end.
func (f *far) url(e engine) string {
	return "ssh://" + f.user + "@" + f.address + strings.TrimPrefix(e.host(), "unix://")
}

func TestOverSSH(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		if _, err := exec.LookPath(e.name); err != nil {
			executortest.Unavailable(t, "ssh", err.Error())
		}
		image := e.load(t, busyboxArchive(t))
		noSettings(t)
		f := startSSH(t, true)
		x, err := e.make(docker.Options{Host: f.url(e)})
		if err != nil {
			t.Fatal(err)
		}
		echoes(t, x, image)
	})
}

func TestPodmanOverSSHWithItsOwnKey(t *testing.T) {
	onEngine(t, docker.PodmanName, func(t *testing.T, e engine) {
		noSettings(t)
		f := startSSH(t, false)
		x, err := docker.NewPodman(docker.Options{Host: f.url(e)})
		if err != nil {
			t.Fatal(err)
		}
		unreachable(t, x, "Permission denied")
		t.Setenv("CONTAINER_SSHKEY", f.key)
		t.Setenv("CONTAINER_HOST", f.url(e))
		if x, err = docker.NewPodman(docker.Options{}); err != nil {
			t.Fatal(err)
		}
		probes(t, x)
	})
}

func TestOverSSHMistakes(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		if _, err := exec.LookPath(e.name); err != nil {
			executortest.Unavailable(t, "ssh", err.Error())
		}
		noSettings(t)
		f := startSSH(t, true)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		nobody := l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		for name, test := range map[string]struct{ host, words string }{
			"no server": {"ssh://127.0.0.1:" + strconv.Itoa(nobody), "onnection refused"},
			"no engine": {"ssh://" + f.user + "@" + f.address + "/nowhere/engine.sock", "/nowhere/engine.sock"},
			"no user":   {"ssh://nobody-of-this-name@" + f.address, "Permission denied"},
		} {
			t.Run(name, func(t *testing.T) {
				x, err := e.make(docker.Options{Host: test.host})
				if err != nil {
					t.Fatal(err)
				}
				unreachable(t, x, test.words)
			})
		}
	})
}

// However early the ssh command ends, what it said is told.
func TestOverSSHTellsWhy(t *testing.T) {
	noSettings(t)
	bin := t.TempDir()
	writeFile(t, filepath.Join(bin, "ssh"), []byte("#!/bin/sh\nexec 0<&-\necho no way there >&2\nexit 255\n"), 0o700)
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, e := range engines {
		for range 10 {
			x, err := e.make(docker.Options{Host: "ssh://there"})
			if err != nil {
				t.Fatal(err)
			}
			unreachable(t, x, "no way there")
		}
	}
	t.Setenv("PATH", t.TempDir())
	x, err := docker.New(docker.Options{Host: "ssh://there"})
	if err != nil {
		t.Fatal(err)
	}
	unreachable(t, x, "executable file not found")
}
