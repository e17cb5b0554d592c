//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync"
)

// A tap is a way to a cluster's API server on which requests are counted.
type tap struct {
	proxy  *exec.Cmd // knows who the user is
	server *httptest.Server

	mu sync.Mutex
	n  map[string]int
}

// tap opens one for the cluster's user.
func (c cluster) tap() (*tap, error) {
	proxy := exec.Command("kubectl", "--kubeconfig", c.config, "proxy", "--port=0")
	out, err := proxy.StdoutPipe()
	if err == nil {
		err = proxy.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("kubectl proxy: %w", err)
	}
	t := &tap{proxy: proxy, n: map[string]int{}}
	line, err := bufio.NewReader(out).ReadString('\n')
	_, address, found := strings.Cut(strings.TrimSpace(line), "Starting to serve on ")
	if err != nil || !found {
		t.close()
		return nil, fmt.Errorf("kubectl proxy says %q: %w", line, err)
	}
	t.server = httptest.NewServer(t.forward(&url.URL{Scheme: "http", Host: address}))
	return t, nil
}

// forward passes requests on, and parts of answers as they come. A watch that
// its client ends is nothing to complain of.
func (t *tap) forward(to *url.URL) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.mu.Lock()
		t.n[kindOf(r)]++
		t.mu.Unlock()
		proxy.ServeHTTP(w, r)
	})
}

// kindOf says what a request is for: its method, and the resource that its
// path names, which is /api/v1/namespaces/N/RESOURCE/NAME/SUBRESOURCE in short.
func kindOf(r *http.Request) string {
	method := r.Method
	if r.URL.Query().Has("watch") {
		method = "WATCH"
	}
	if r.URL.Query().Has("dryRun") {
		method += " (dry run)"
	}
	_, path, _ := strings.Cut(r.URL.Path, "/namespaces/")
	parts := strings.Split(path, "/")
	switch len(parts) {
	case 2, 3:
		return method + " " + parts[1]
	case 4:
		return method + " " + parts[1] + "/" + parts[3]
	}
	return method + " " + r.URL.Path
}

// through is the cluster as it is seen through a tap.
func (c cluster) through(t *tap, config string) (cluster, error) {
	tapped := cluster{config: config, namespace: c.namespace}
	for _, args := range [][]string{
		{"set-cluster", "tap", "--server", t.server.URL},
		{"set-context", "tap", "--cluster", "tap", "--namespace", c.namespace},
		{"use-context", "tap"},
	} {
		if _, err := tapped.kubectl(append([]string{"config"}, args...)...); err != nil {
			return tapped, err
		}
	}
	return tapped, nil
}

func (t *tap) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.n)
}

func (t *tap) counts() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.n)
}

func (t *tap) close() {
	if t.server != nil {
		t.server.CloseClientConnections()
		t.server.Close()
	}
	_ = t.proxy.Process.Kill()
	_ = t.proxy.Wait()
}
