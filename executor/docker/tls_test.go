package docker_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/docker"
)

// authority signs certificates; its own one is in ca.pem.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newAuthority makes an authority, and with it cert.pem and key.pem in one
// folder, as DOCKER_CERT_PATH wants them. They are for servers and for clients.
func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := certificate("authority")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(a.dir, "ca.pem"), "CERTIFICATE", der)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signed := certificate("both")
	signed.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	if der, err = x509.CreateCertificate(rand.Reader, signed, a.cert, &key.PublicKey, a.key); err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(a.dir, "cert.pem"), "CERTIFICATE", der)
	if der, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(a.dir, "key.pem"), "PRIVATE KEY", der)
	return a
}

func certificate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
}

func writePEM(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	writeFile(t, path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

func writeFile(t testing.TB, path string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
}

// relay passes connections of a listener on to an engine, both directions on
// their own, until the test's end.
func relay(t testing.TB, l net.Listener, engine string) {
	t.Helper()
	socket := strings.TrimPrefix(engine, "unix://")
	var running sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	over := false
	running.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", socket)
			if err != nil {
				_ = near.Close()
				continue
			}
			mu.Lock()
			open = append(open, near, far)
			if over {
				_, _ = near.Close(), far.Close()
			}
			mu.Unlock()
			running.Go(func() { pass(far, near) })
			running.Go(func() { pass(near, far) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		over = true
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
}

// pass copies one direction with its end. What fails is closed for good.
func pass(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		_ = to.Close()
		_ = from.Close()
		return
	}
	_ = to.(interface{ CloseWrite() error }).CloseWrite() // the other one may be gone
}

// listenTLS is an engine behind TLS that wants certificates of clients.
func listenTLS(t *testing.T, a *authority, e engine) (address string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(a.dir, "cert.pem"), filepath.Join(a.dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AddCert(a.cert)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
	})
	if err != nil {
		t.Fatal(err)
	}
	relay(t, l, e.host())
	return l.Addr().String()
}

// noSettings takes away all that could say where an engine is, and gives a home
// of its own.
func noSettings(t *testing.T) (home string) {
	t.Helper()
	for _, name := range []string{
		"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH",
		"DOCKER_API_VERSION", "DOCKER_AUTH_CONFIG", "CONTAINER_HOST", "CONTAINER_SSHKEY", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
	} {
		t.Setenv(name, "")
	}
	home = t.TempDir()
	t.Setenv("HOME", home)
	return home
}

// onDocker runs a test on the Docker engine.
func onDocker(t *testing.T, test func(t *testing.T, e engine)) {
	t.Helper()
	onEngine(t, docker.Name, test)
}

// input is more than what is handed over before the start, and than buffers hold.
var input = sync.OnceValue(func() []byte { return bytes.Repeat([]byte("0123456789abcdef\n"), 20_000) })

// echoes runs a container that gives back what it reads, over whatever
// connection the executor has.
func echoes(t *testing.T, x executor.Executor, image string) {
	t.Helper()
	got, exit := runs(t, x, executor.Spec{Image: image, Args: []string{"cat"}, Stdin: input()})
	if got != string(input()) || exit != 0 {
		t.Errorf("got %d bytes back of %d, exit code %d", len(got), len(input()), exit)
	}
}

// runs runs a container of busybox to its end, after a probe.
func runs(t *testing.T, x executor.Executor, spec executor.Spec) (output string, exit int) {
	t.Helper()
	ctx := t.Context()
	if _, err := x.Probe(ctx); err != nil {
		t.Fatal(err)
	}
	spec.ID = "kog-test-" + strings.ToLower(rand.Text())
	spec.Entrypoint, spec.Network = []string{"/bin/busybox"}, executor.NetworkNone
	p, err := x.Start(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, cancel := cleanupContext(t)
		defer cancel()
		if err := p.Remove(ctx); err != nil {
			t.Error(err)
		}
	}()
	var stdout, stderr strings.Builder
	if err := p.Follow(ctx, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	ended, err := p.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if stderr.Len() > 0 {
		t.Errorf("the container complains: %s", &stderr)
	}
	return stdout.String(), ended.Code
}

func TestDockerOverTLS(t *testing.T) {
	onDocker(t, func(t *testing.T, e engine) {
		right, wrong := newAuthority(t), newAuthority(t)
		host := "tcp://" + listenTLS(t, right, e)
		image := e.load(t, busyboxArchive(t))

		t.Run("variables", func(t *testing.T) {
			noSettings(t)
			t.Setenv("DOCKER_HOST", host)
			t.Setenv("DOCKER_TLS_VERIFY", "1")
			t.Setenv("DOCKER_CERT_PATH", right.dir)
			echoes(t, fromEnvironment(t), image)
		})
		t.Run("usual folder", func(t *testing.T) {
			home := noSettings(t)
			if err := os.CopyFS(filepath.Join(home, ".docker"), os.DirFS(right.dir)); err != nil {
				t.Fatal(err)
			}
			t.Setenv("DOCKER_HOST", host)
			t.Setenv("DOCKER_TLS_VERIFY", "1")
			probes(t, fromEnvironment(t))
		})
		t.Run("unverified", func(t *testing.T) {
			noSettings(t)
			mixed := t.TempDir() // the server's authority is not known
			for from, name := range map[string]string{right.dir: "cert.pem", wrong.dir: "ca.pem"} {
				copyFile(t, filepath.Join(from, name), filepath.Join(mixed, name))
			}
			copyFile(t, filepath.Join(right.dir, "key.pem"), filepath.Join(mixed, "key.pem"))
			t.Setenv("DOCKER_HOST", host)
			t.Setenv("DOCKER_TLS", "1")
			t.Setenv("DOCKER_CERT_PATH", mixed)
			probes(t, fromEnvironment(t))
			t.Setenv("DOCKER_TLS_VERIFY", "1")
			unreachable(t, fromEnvironment(t), "certificate signed by unknown authority")
		})
		t.Run("context", func(t *testing.T) {
			home := noSettings(t)
			command, err := exec.LookPath("docker")
			if err != nil {
				t.Skip("there is no docker command")
			}
			for name, a := range map[string]*authority{"right": right, "wrong": wrong} {
				files := []string{"host=" + host, "ca=" + filepath.Join(a.dir, "ca.pem"), "cert=" + filepath.Join(a.dir, "cert.pem"), "key=" + filepath.Join(a.dir, "key.pem")}
				cmd := exec.Command(command, "--config", filepath.Join(home, ".docker"), "context", "create", name, "--docker", strings.Join(files, ","))
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("docker context create: %v: %s", err, out)
				}
			}
			t.Setenv("DOCKER_CONTEXT", "right")
			echoes(t, fromEnvironment(t), image)
			t.Setenv("DOCKER_CONTEXT", "wrong")
			unreachable(t, fromEnvironment(t), "certificate signed by unknown authority")
		})
		t.Run("client unknown", func(t *testing.T) {
			noSettings(t)
			mixed := t.TempDir() // the server does not know the client's authority
			copyFile(t, filepath.Join(right.dir, "ca.pem"), filepath.Join(mixed, "ca.pem"))
			t.Setenv("DOCKER_HOST", host)
			t.Setenv("DOCKER_TLS_VERIFY", "1")
			t.Setenv("DOCKER_CERT_PATH", mixed)
			unreachable(t, fromEnvironment(t), "certificate")
		})
		t.Run("no TLS", func(t *testing.T) {
			noSettings(t)
			t.Setenv("DOCKER_HOST", host)
			unreachable(t, fromEnvironment(t), "does not answer")
		})
		t.Run("broken files", func(t *testing.T) {
			noSettings(t)
			broken := t.TempDir()
			writeFile(t, filepath.Join(broken, "ca.pem"), []byte("nothing"), 0o600)
			t.Setenv("DOCKER_HOST", host)
			t.Setenv("DOCKER_TLS_VERIFY", "1")
			t.Setenv("DOCKER_CERT_PATH", broken)
			if _, err := docker.New(docker.Options{}); err == nil || !strings.Contains(err.Error(), "ca.pem") {
				t.Errorf("broken ca.pem: %v", err)
			}
		})
	})
}

func fromEnvironment(t *testing.T) *docker.Executor {
	t.Helper()
	x, err := docker.New(docker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func probes(t *testing.T, x executor.Executor) {
	t.Helper()
	if _, err := x.Probe(t.Context()); err != nil {
		t.Error(err)
	}
}

// unreachable wants the same answer of a probe and of a call.
func unreachable(t *testing.T, x executor.Executor, words string) {
	t.Helper()
	_, probed := x.Probe(t.Context())
	_, resolved := x.Resolve(t.Context(), executor.ImageRequest{Ref: "x:1", Pull: executor.PullNever})
	for call, err := range map[string]error{"Probe": probed, "Resolve": resolved} {
		if !errors.Is(err, executor.ErrUnreachable) || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v; want it unreachable, with %q", call, err, words)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, to, data, 0o600)
}
