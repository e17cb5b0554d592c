package store

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// tlsConfig holds the authorities and client certificates for one registry.
// Source of the folders' form: Docker documentation, "Verify repository client
// with certificates".
func (s *Store) tlsConfig(host string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.opts.RootCAs}
	for _, dir := range s.opts.CertDirs {
		if err := addCerts(config, filepath.Join(dir, host)); err != nil {
			return nil, fmt.Errorf("certificates of registry %s: %w", host, err)
		}
	}
	return config, nil
}

func addCerts(config *tls.Config, dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch filepath.Ext(path) {
		case ".crt":
			if err := addAuthority(config, path); err != nil {
				return err
			}
		case ".cert":
			pair, err := tls.LoadX509KeyPair(path, strings.TrimSuffix(path, ".cert")+".key")
			if err != nil {
				return err
			}
			config.Certificates = append(config.Certificates, pair)
		}
	}
	return nil
}

func addAuthority(config *tls.Config, path string) error {
	pem, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var pool *x509.CertPool
	if config.RootCAs != nil {
		pool = config.RootCAs.Clone()
	} else if pool, err = x509.SystemCertPool(); err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s holds no certificate", path)
	}
	config.RootCAs = pool
	return nil
}
