package docker_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/moby/moby/client"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/docker"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
)

const registryUser, registryPassword = "kog", "s3cret-passw0rd"

// hub is a real registry with passwords, and with TLS for Podman. Docker takes
// an unencrypted one on loopback, and there does not tell why TLS failed.
type hub struct {
	host string
	opt  []remote.Option
	// stop ends it; the test's end does too.
	stop func()
}

var listening = regexp.MustCompile(`listening on ([0-9.:]+)`)

// startHub starts a registry that an engine trusts.
func startHub(t *testing.T, e engine) *hub {
	t.Helper()
	binary, htpasswd := needTool(t, "docker-registry"), needTool(t, "htpasswd")
	line, err := exec.Command(htpasswd, "-Bbn", registryUser, registryPassword).Output()
	if err != nil {
		t.Fatal(err)
	}
	a := newAuthority(t)
	work := t.TempDir()
	writeFile(t, filepath.Join(work, "htpasswd"), line, 0o600)
	config := fmt.Sprintf(`version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: %[1]s/data}, delete: {enabled: true}}
auth: {htpasswd: {realm: kog, path: %[1]s/htpasswd}}
http:
  addr: 127.0.0.1:0
`, work)
	if e.name == docker.PodmanName {
		config += fmt.Sprintf("  tls: {certificate: %[1]s/cert.pem, key: %[1]s/key.pem}\n", a.dir)
	}
	writeFile(t, filepath.Join(work, "config.yml"), []byte(config), 0o600)
	cmd := exec.Command(binary, "serve", filepath.Join(work, "config.yml"))
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reader sync.WaitGroup
	h := &hub{stop: sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		reader.Wait()
		_ = cmd.Wait() // it was killed
	})}
	t.Cleanup(h.stop)
	lines := bufio.NewReader(log)
	for h.host == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the registry did not start: %v", err)
		}
		if m := listening.FindStringSubmatch(line); m != nil {
			h.host = m[1]
		}
	}
	reader.Go(func() { _, _ = io.Copy(io.Discard, lines) })
	h.trust(t, a)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the test is no judge of its own certificate
	t.Cleanup(transport.CloseIdleConnections)
	h.opt = []remote.Option{
		remote.WithTransport(transport),
		remote.WithAuth(authn.FromConfig(authn.AuthConfig{Username: registryUser, Password: registryPassword})),
	}
	return h
}

// trust puts the certificate where all engines of this machine look for it.
func (h *hub) trust(t *testing.T, a *authority) {
	t.Helper()
	dir := filepath.Join("/etc/docker/certs.d", h.host)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // as the engines have it
		t.Skipf("the engine cannot be made to trust the registry: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
		_ = os.Remove(filepath.Dir(dir)) // unless somebody else has something there
	})
	copyFile(t, filepath.Join(a.dir, "ca.pem"), filepath.Join(dir, "ca.crt"))
}

func needTool(t *testing.T, tool string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		executortest.Unavailable(t, "registry", err.Error())
	}
	return path
}

// push gives an image to the registry, and its reference with the digest.
func (h *hub) push(t *testing.T, image string, img v1.Image) (ref, pinned string) {
	t.Helper()
	parsed := h.reference(t, image)
	if err := remote.Write(parsed, img, h.opt...); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return parsed.String(), parsed.Context().Name() + "@" + digest.String()
}

func (h *hub) reference(t *testing.T, image string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(h.host + "/" + image)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// logIn has docker's configuration say who the user is at a registry.
func logIn(t *testing.T, host, password string) {
	t.Helper()
	home := noSettings(t)
	writeFile(t, filepath.Join(home, ".docker", "config.json"), auths(host, password), 0o600)
}

func auths(host, password string) []byte {
	auth := base64.StdEncoding.EncodeToString([]byte(registryUser + ":" + password))
	return fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, host, auth)
}

// pullLabel marks the images of these tests. An engine may forget where an
// image came from when another one takes its name.
const pullLabel = "io.kog.test.pull"

// forget removes at the test's end all images of these tests.
func (e engine) forget(t *testing.T) {
	t.Helper()
	t.Cleanup(func() { e.removeImages(t) })
}

func (e engine) removeImages(t *testing.T) {
	t.Helper()
	ctx, cancel := cleanupContext(t)
	defer cancel()
	api := e.api(t)
	list, err := api.ImageList(ctx, client.ImageListOptions{Filters: make(client.Filters).Add("label", pullLabel)})
	if err != nil {
		t.Fatal(err)
	}
	for _, img := range list.Items {
		if _, err := api.ImageRemove(ctx, img.ID, client.ImageRemoveOptions{Force: true, PruneChildren: true}); err != nil {
			t.Errorf("remove image %s: %v", img.ID, err)
		}
	}
}

// loadAs gives an image to the engine under a name, and removes it at the end.
func (e engine) loadAs(t *testing.T, ref string, img v1.Image) {
	t.Helper()
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "image.tar")
	if err := tarball.WriteToFile(archive, tag, img); err != nil {
		t.Fatal(err)
	}
	e.forget(t)
	if _, err := e.executor(t).Resolve(t.Context(), executor.ImageRequest{Ref: "docker-archive:" + archive}); err != nil {
		t.Fatal(err)
	}
}

// marked is an image with one small file and a variable, by which it is told
// from others.
func marked(t testing.TB, mark string) v1.Image {
	t.Helper()
	return imageOf(t, mark, map[string][]byte{"mark": []byte(mark)})
}

// busyboxArchive is an archive of an image with a shell and its tools.
func busyboxArchive(t testing.TB) string {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "image.tar")
	tag, err := name.NewTag("kog-test.invalid/busybox:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(archive, tag, busyboxImage(t)); err != nil {
		t.Fatal(err)
	}
	return archive
}

func busyboxImage(t testing.TB) v1.Image {
	t.Helper()
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return imageOf(t, t.Name(), map[string][]byte{"bin/busybox": program})
}

func imageOf(t testing.TB, mark string, files map[string][]byte) v1.Image {
	t.Helper()
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	for path, data := range files {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: 0o755, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = v1.Config{Env: []string{"MARK=" + mark}, Labels: map[string]string{pullLabel: ""}, Entrypoint: []string{"/bin/busybox"}}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}
