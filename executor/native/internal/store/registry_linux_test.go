package store

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// needTool skips the test where a program is missing, unless it is required.
func needTool(t testing.TB, tool string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err == nil {
		return path
	}
	if strings.Contains(os.Getenv("KOG_TEST_REQUIRE"), "registry") {
		t.Fatalf("%s is required: %v", tool, err)
	}
	t.Skipf("needs %s: %v", tool, err)
	return ""
}

const testUser, testPassword = "kog", "s3cret"

// registryOptions say which real registry is started.
type registryOptions struct {
	htpasswd bool
	tls      bool
}

// testRegistry is a running registry.
type testRegistry struct {
	host string
	// ca is the path of its authority's certificate.
	ca  string
	opt []remote.Option
}

var listening = regexp.MustCompile(`listening on ([0-9.:]+)`)

func startRegistry(t testing.TB, o registryOptions) *testRegistry {
	t.Helper()
	binary := needTool(t, "docker-registry")
	work := t.TempDir()
	r := &testRegistry{}
	config := fmt.Sprintf("version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\nhttp:\n  addr: 127.0.0.1:0\n", filepath.Join(work, "data"))
	if o.tls {
		cert, key := makeCertificate(t, work)
		r.ca = cert
		config += fmt.Sprintf("  tls: {certificate: %s, key: %s}\n", cert, key)
		r.opt = append(r.opt, remote.WithTransport(trusting(t, cert)))
	}
	if o.htpasswd {
		line, err := exec.Command(needTool(t, "htpasswd"), "-Bbn", testUser, testPassword).Output()
		if err != nil {
			t.Fatal(err)
		}
		writeTestFile(t, filepath.Join(work, "htpasswd"), line)
		config += fmt.Sprintf("auth: {htpasswd: {realm: kog, path: %s}}\n", filepath.Join(work, "htpasswd"))
		r.opt = append(r.opt, remote.WithAuth(authn.FromConfig(authn.AuthConfig{Username: testUser, Password: testPassword})))
	}
	writeTestFile(t, filepath.Join(work, "config.yml"), []byte(config))
	cmd := exec.Command(binary, "serve", filepath.Join(work, "config.yml"))
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reader sync.WaitGroup
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		reader.Wait()
		_ = cmd.Wait()
	})
	lines := bufio.NewReader(log)
	for r.host == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the registry did not start: %v", err)
		}
		if m := listening.FindStringSubmatch(line); m != nil {
			r.host = m[1]
		}
	}
	reader.Go(func() { _, _ = io.Copy(io.Discard, lines) })
	return r
}

func (r *testRegistry) push(t testing.TB, image string, img v1.Image) string {
	t.Helper()
	ref, err := name.ParseReference(r.host + "/" + image)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img, r.opt...); err != nil {
		t.Fatal(err)
	}
	return ref.String()
}

func writeTestFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// makeCertificate makes a certificate for 127.0.0.1 that signs itself.
func makeCertificate(t testing.TB, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "ca.crt"), filepath.Join(dir, "key.pem")
	writeTestFile(t, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	writeTestFile(t, key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	return cert, key
}

func trusting(t testing.TB, cert string) http.RoundTripper {
	t.Helper()
	s := &Store{opts: Options{CertDirs: []string{filepath.Dir(filepath.Dir(cert))}}}
	config, err := s.tlsConfig(filepath.Base(filepath.Dir(cert)))
	if err != nil {
		t.Fatal(err)
	}
	return &http.Transport{TLSClientConfig: config}
}

// logIn writes a docker configuration with credentials for a registry.
func logIn(t testing.TB, host, password string) {
	t.Helper()
	home := t.TempDir()
	auth := fmt.Sprintf(`{"auths":{%q:{"username":%q,"password":%q}}}`, host, testUser, password)
	if err := os.Mkdir(filepath.Join(home, ".docker"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeTestFile(t, filepath.Join(home, ".docker", "config.json"), []byte(auth))
	t.(*testing.T).Setenv("HOME", home)
	t.(*testing.T).Setenv("DOCKER_CONFIG", filepath.Join(home, ".docker"))
}

// front is an HTTP proxy before a registry that counts and may interfere.
type front struct {
	*httptest.Server
	host string

	mu    sync.Mutex
	count map[string]int
	// before may answer a request itself.
	before atomic.Pointer[func(w http.ResponseWriter, r *http.Request) (done bool)]
}

func startFront(t testing.TB, registry string) *front {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: registry})
	f := &front{count: map[string]int{}}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.count[r.Method+" "+kindOfPath(r.URL.Path)]++
		f.mu.Unlock()
		if before := f.before.Load(); before != nil && (*before)(w, r) {
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	f.host = strings.TrimPrefix(f.URL, "http://")
	return f
}

func kindOfPath(path string) string {
	for _, kind := range []string{"manifests", "blobs"} {
		if strings.Contains(path, "/"+kind+"/") {
			return kind
		}
	}
	return "other"
}

// counted gives the number of requests since the last call.
func (f *front) counted(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.count[what]
	f.count[what] = 0
	return n
}

func (f *front) interfere(do func(w http.ResponseWriter, r *http.Request) bool) { f.before.Store(&do) }

// cutter is a TCP proxy that closes each connection after a number of bytes.
type cutter struct {
	host  string
	after atomic.Int64 // bytes a connection may bring; negative: any number
	sent  atomic.Int64 // bytes it brought altogether
}

func startCutter(t testing.TB, target string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{host: l.Addr().String()}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { c.serve(conn, target) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	return c
}

func (c *cutter) serve(client net.Conn, target string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	var from io.Reader = server
	if limit := c.after.Load(); limit >= 0 {
		from = io.LimitReader(server, limit)
	}
	n, _ := io.Copy(client, from)
	c.sent.Add(n)
	_ = client.Close()
	_ = server.Close()
	up.Wait()
}
