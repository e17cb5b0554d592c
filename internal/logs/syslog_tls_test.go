package logs

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// selfSigned gives a certificate and its key in PEM form.
func selfSigned(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func TestTLSFiles(t *testing.T) {
	dir := t.TempDir()
	cert, key := selfSigned(t)
	_, otherKey := selfSigned(t)
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certFile, keyFile, other := file("cert.pem", cert), file("key.pem", key), file("other.pem", otherKey)
	config, err := TLSFiles{CA: certFile, Cert: certFile, Key: keyFile}.Config()
	if err != nil || config.RootCAs == nil || len(config.Certificates) != 1 || config.MinVersion != tls.VersionTLS12 {
		t.Errorf("%+v, %v", config, err)
	}
	if config, err := (TLSFiles{}).Config(); err != nil || config.RootCAs != nil || len(config.Certificates) != 0 {
		t.Errorf("no files: %+v, %v", config, err)
	}
	for name, tc := range map[string]struct {
		files TLSFiles
		want  string
	}{
		"no authorities there":       {TLSFiles{CA: filepath.Join(dir, "absent")}, "absent: no such file"},
		"authorities that are a key": {TLSFiles{CA: keyFile}, "key.pem has no certificate in PEM form"},
		"a certificate alone":        {TLSFiles{Cert: certFile}, "needs its key"},
		"a key alone":                {TLSFiles{Key: keyFile}, "a key its certificate"},
		"no certificate there":       {TLSFiles{Cert: filepath.Join(dir, "absent"), Key: keyFile}, "absent"},
		"another's key":              {TLSFiles{Cert: certFile, Key: other}, "private key does not match"},
		"a folder":                   {TLSFiles{Cert: certFile, Key: dir}, "read certificate"},
	} {
		_, err := tc.files.Config()
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "PRIVATE KEY-----") {
			t.Errorf("%s: the error shows a key", name)
		}
	}
}

// TLS says goodbye when it is closed, and would wait for a server that does
// not take that.
func TestHungServerHoldsNobodyUpOverTLS(t *testing.T) {
	cert, key := selfSigned(t)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var dials []time.Duration
		var serving sync.WaitGroup
		dial := func(ctx context.Context) (net.Conn, error) {
			dials = append(dials, time.Since(began))
			near, far := net.Pipe()
			serving.Go(func() {
				if err := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{pair}}).HandshakeContext(context.WithoutCancel(ctx)); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Hour)
				_ = far.Close()
			})
			client := tls.Client(near, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // nobody else is on a pipe
			return client, client.HandshakeContext(ctx)
		}
		s, err := NewSyslog(SyslogOptions{Address: SyslogAddress{Network: "tls"}, Format: "rfc5424", dial: dial})
		if err != nil {
			t.Fatal(err)
		}
		say(slog.New(s.Handler()), 0, 3)
		time.Sleep(writeLimit + stallLimit/2) // now it hangs on its second connection
		if loss, took := closing(s); took != 0 || loss.Unconfirmed != 3 {
			t.Errorf("%+v after %s", loss, took)
		}
		if want := []time.Duration{0, writeLimit}; !slices.Equal(dials, want) {
			t.Errorf("dials at %v, want %v", dials, want)
		}
		serving.Wait()
	})
}

// A server that closes before it has got anything leaves with an end that looks
// well, and yet has read nothing.
func TestEndBeforeLines(t *testing.T) {
	cert, key := selfSigned(t)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	closed := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			err = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{pair}, SessionTicketsDisabled: true}).Handshake()
			_ = conn.Close()
		}
		closed <- err
	}()
	l, err := dial(t.Context(), func(ctx context.Context) (net.Conn, error) {
		return (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, "tcp", listener.Addr().String())
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if err := l.send([]line{{data: []byte("x")}}); err != nil {
		t.Skip("told already: ", err)
	}
	_ = l.finish()
	if err := <-l.ended; read(err) && !l.wasReset() {
		t.Errorf("the line counts as read, the connection ended with %v", err)
	}
}
