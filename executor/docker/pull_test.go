package docker_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/docker"
)

// heard is what a resolution told.
type heard struct {
	mu       sync.Mutex
	messages []string
	warnings []string
}

func (h *heard) progress(p executor.Progress) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.Warning {
		h.warnings = append(h.warnings, p.Message)
	} else {
		h.messages = append(h.messages, p.Message)
	}
}

// resolve asks for an image; its errors and messages never hold the password.
func resolve(t *testing.T, x executor.Executor, ref string, policy executor.PullPolicy) (executor.Image, *heard, error) {
	t.Helper()
	h := &heard{}
	img, err := x.Resolve(t.Context(), executor.ImageRequest{Ref: ref, Pull: policy, Progress: h.progress})
	if all := fmt.Sprint(err, h.messages, h.warnings); strings.Contains(all, registryPassword) || strings.Contains(all, "other-passw0rd") {
		t.Errorf("the password is shown: %s", all)
	}
	return img, h, err
}

func mustResolve(t *testing.T, x executor.Executor, ref string, policy executor.PullPolicy) executor.Image {
	t.Helper()
	img, _, err := resolve(t, x, ref, policy)
	if err != nil {
		t.Fatalf("resolve %s: %v", ref, err)
	}
	return img
}

func TestPullCredentials(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		h := startHub(t, e)
		e.forget(t)
		ref, pinned := h.push(t, "some/image:1", marked(t, e.name+" credentials"))
		helper := func(t *testing.T, script string) {
			home := noSettings(t)
			bin := filepath.Join(home, "bin")
			writeFile(t, filepath.Join(bin, "docker-credential-kogtest"), []byte("#!/bin/sh\n"+script), 0o700)
			writeFile(t, filepath.Join(home, ".docker", "config.json"), fmt.Appendf(nil, `{"credHelpers":{%q:"kogtest"}}`, h.host), 0o600)
			t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
		}
		for name, test := range map[string]struct {
			prepare func(t *testing.T)
			want    error
		}{
			"docker configuration": {func(t *testing.T) { logIn(t, h.host, registryPassword) }, nil},
			"DOCKER_CONFIG": {func(t *testing.T) {
				noSettings(t)
				dir := t.TempDir()
				writeFile(t, filepath.Join(dir, "config.json"), auths(h.host, registryPassword), 0o600)
				t.Setenv("DOCKER_CONFIG", dir)
			}, nil},
			"helper": {func(t *testing.T) {
				helper(t, fmt.Sprintf(`echo '{"ServerURL":"x","Username":"%s","Secret":"%s"}'`, registryUser, registryPassword))
			}, nil},
			"Podman's file": {func(t *testing.T) {
				file := filepath.Join(noSettings(t), "auth.json")
				writeFile(t, file, auths(h.host, registryPassword), 0o600)
				t.Setenv("REGISTRY_AUTH_FILE", file)
			}, nil},
			"Podman's file besides docker's": {func(t *testing.T) {
				home := noSettings(t)
				writeFile(t, filepath.Join(home, ".docker", "config.json"), []byte(`{"currentContext":"default"}`), 0o600)
				writeFile(t, filepath.Join(home, "run", "containers", "auth.json"), auths(h.host, registryPassword), 0o600)
				t.Setenv("XDG_RUNTIME_DIR", filepath.Join(home, "run"))
			}, nil},
			"none":               {func(t *testing.T) { noSettings(t) }, executor.ErrUnauthorized},
			"wrong":              {func(t *testing.T) { logIn(t, h.host, "other-passw0rd") }, executor.ErrUnauthorized},
			"of another":         {func(t *testing.T) { logIn(t, "another.example.com", registryPassword) }, executor.ErrUnauthorized},
			"helper has nothing": {func(t *testing.T) { helper(t, "echo 'credentials not found in native keychain'; exit 1") }, executor.ErrUnauthorized},
		} {
			t.Run(name, func(t *testing.T) {
				test.prepare(t)
				img, told, err := resolve(t, e.executor(t), ref, executor.PullAlways)
				if !errors.Is(err, test.want) {
					t.Errorf("error %v, want %v", err, test.want)
				}
				if test.want != nil {
					return
				}
				if img.Pinned != pinned || img.Config.Env["MARK"] != e.name+" credentials" {
					t.Errorf("got %+v, want it pinned as %s", img, pinned)
				}
				if len(told.messages) == 0 || told.messages[0] != "pulling "+ref {
					t.Errorf("told %q, want what is pulled", told.messages)
				}
				e.removeImages(t)
			})
		}
		t.Run("helper fails", func(t *testing.T) {
			helper(t, "echo broken >&2; exit 3")
			if _, _, err := resolve(t, e.executor(t), ref, executor.PullAlways); err == nil {
				t.Error("nobody has logged in, and the image was pulled")
			}
		})
	})
}

func TestPullErrors(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		h := startHub(t, e)
		e.forget(t)
		ref, _ := h.push(t, "some/image:1", marked(t, e.name+" errors"))
		h.pushIndex(t, "some/index:1", marked(t, e.name+" index"))
		logIn(t, h.host, registryPassword)
		absent := "@sha256:" + strings.Repeat("0", 64)
		for name, test := range map[string]struct {
			ref, platform string
			want          error
		}{
			"tag":                  {h.host + "/some/image:2", "", executor.ErrImageNotFound},
			"digest":               {h.host + "/some/image" + absent, "", executor.ErrImageNotFound},
			"repository":           {h.host + "/other/image:1", "", executor.ErrImageNotFound},
			"no registry":          {deadHost(t) + "/some/image:1", "", executor.ErrUnreachable},
			"no registry's digest": {deadHost(t) + "/some/image" + absent, "", executor.ErrUnreachable},
			"no such host":         {"nowhere.invalid/some/image:1", "", executor.ErrUnreachable},
			"platform":             {h.host + "/some/index:1", "linux/s390x", executor.ErrImageNotFound},
			"strange platform":     {ref, "plan9/amd64", executor.ErrUnsupported},
			"no reference":         {"UPPER/case:1", "", executor.ErrImageNotFound},
		} {
			t.Run(name, func(t *testing.T) {
				x, err := e.make(docker.Options{Host: e.host(), Platform: test.platform})
				if err != nil {
					t.Fatal(err)
				}
				_, _, err = resolve(t, x, test.ref, executor.PullAlways)
				if !errors.Is(err, test.want) || !strings.Contains(fmt.Sprint(err), test.ref) {
					t.Errorf("error %v, want %v and the image", err, test.want)
				}
				if errors.Is(err, executor.ErrEngineGone) || errors.Is(err, executor.ErrUnreachable) != errors.Is(test.want, executor.ErrUnreachable) {
					t.Errorf("error %v is wrong about who does not answer", err)
				}
			})
		}
	})
}

// deadHost is an address where nobody listens.
func deadHost(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// pushIndex pushes an image for one platform, as part of a list.
func (h *hub) pushIndex(t *testing.T, image string, img v1.Image) {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: config.OS, Architecture: config.Architecture}},
	})
	if err := remote.WriteIndex(h.reference(t, image), index, h.opt...); err != nil {
		t.Fatal(err)
	}
}

func TestPinnedOutlivesItsTag(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		h := startHub(t, e)
		e.forget(t)
		logIn(t, h.host, registryPassword)
		x := e.executor(t)
		ref, want := h.push(t, "some/image:1", marked(t, e.name+" first"))
		first := mustResolve(t, x, ref, executor.PullAuto)
		if first.Pinned != want {
			t.Errorf("pinned as %s, want %s", first.Pinned, want)
		}
		_, moved := h.push(t, "some/image:1", marked(t, e.name+" second"))

		// Who asks has not looked at the image before.
		check := func(when string) {
			t.Helper()
			for _, policy := range []executor.PullPolicy{executor.PullMissing, executor.PullAuto, executor.PullAlways} {
				again := mustResolve(t, e.executor(t), first.Pinned, policy)
				if again.Pinned != first.Pinned || again.Config.Env["MARK"] != e.name+" first" {
					t.Errorf("%s, policy %q: got %+v, want the first image", when, policy, again)
				}
			}
		}
		check("the tag has moved")
		if second := mustResolve(t, x, ref, executor.PullAuto); second.Pinned != moved || second.Config.Env["MARK"] != e.name+" second" {
			t.Errorf("the tag gives %+v, want the second image", second)
		}
		check("the tag has moved here too")
		for _, policy := range []executor.PullPolicy{executor.PullMissing, executor.PullAuto} {
			e.removeImages(t)
			if again := mustResolve(t, e.executor(t), first.Pinned, policy); again.Config.Env["MARK"] != e.name+" first" {
				t.Errorf("removed here, policy %q: got %+v, want the first image", policy, again)
			}
		}
		check("pulled by its digest")
		h.stop()
		for _, policy := range []executor.PullPolicy{executor.PullNever, executor.PullMissing, executor.PullAuto} {
			mustResolve(t, e.executor(t), first.Pinned, policy)
		}
	})
}

// TestPullPolicies has each policy meet an image that is here, outdated, or
// absent, and a registry that is there or not.
func TestPullPolicies(t *testing.T) {
	const old, latest = "old", "latest"
	tests := []struct {
		policy       executor.PullPolicy
		here, alive  bool
		want         string // which image; empty means an error
		err          error
		warns, pulls bool
	}{
		{policy: executor.PullAuto, here: true, alive: true, want: latest, pulls: true},
		{policy: executor.PullAuto, here: false, alive: true, want: latest, pulls: true},
		{policy: executor.PullAuto, here: true, alive: false, want: old, pulls: true, warns: true},
		{policy: executor.PullAuto, here: false, alive: false, err: executor.ErrUnreachable, pulls: true},
		{policy: executor.PullAlways, here: true, alive: true, want: latest, pulls: true},
		{policy: executor.PullAlways, here: false, alive: true, want: latest, pulls: true},
		{policy: executor.PullAlways, here: true, alive: false, err: executor.ErrUnreachable, pulls: true},
		{policy: executor.PullAlways, here: false, alive: false, err: executor.ErrUnreachable, pulls: true},
		{policy: executor.PullMissing, here: true, alive: true, want: old},
		{policy: executor.PullMissing, here: false, alive: true, want: latest, pulls: true},
		{policy: executor.PullMissing, here: true, alive: false, want: old},
		{policy: executor.PullMissing, here: false, alive: false, err: executor.ErrUnreachable, pulls: true},
		{policy: executor.PullNever, here: true, alive: true, want: old},
		{policy: executor.PullNever, here: false, alive: true, err: executor.ErrImageNotFound},
		{policy: executor.PullNever, here: true, alive: false, want: old},
		{policy: executor.PullNever, here: false, alive: false, err: executor.ErrImageNotFound},
	}
	onEngines(t, func(t *testing.T, e engine) {
		h := startHub(t, e)
		e.forget(t)
		logIn(t, h.host, registryPassword)
		x := e.executor(t)
		for _, alive := range []bool{true, false} {
			for i, test := range tests {
				if test.alive != alive {
					continue
				}
				image := fmt.Sprintf("policy/%d:1", i)
				if test.here {
					ref, _ := h.push(t, image, marked(t, e.name+image+old))
					mustResolve(t, x, ref, executor.PullAlways)
				}
				if alive {
					h.push(t, image, marked(t, e.name+image+latest))
				}
			}
			if !alive {
				h.stop()
			}
			for i, test := range tests {
				if test.alive != alive {
					continue
				}
				name := fmt.Sprintf("%s,here=%t,alive=%t", test.policy, test.here, test.alive)
				t.Run(name, func(t *testing.T) {
					image := fmt.Sprintf("policy/%d:1", i)
					mark := e.name + image
					ref := h.host + "/" + image
					img, told, err := resolve(t, x, ref, test.policy)
					if !errors.Is(err, test.err) {
						t.Fatalf("error %v, want %v", err, test.err)
					}
					if err == nil && img.Config.Env["MARK"] != mark+test.want {
						t.Errorf("got %+v, want the %s image", img, test.want)
					}
					if (len(told.warnings) > 0) != test.warns || (len(told.messages) > 0) != test.pulls {
						t.Errorf("told %q, warned %q", told.messages, told.warnings)
					}
				})
			}
		}
	})
}

// An image that was never in a registry is used as it is, and nobody is asked.
func TestLocalImageIsNotPulled(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var asked sync.WaitGroup
		asked.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				t.Error("the registry was asked")
				_ = conn.Close()
			}
		})
		t.Cleanup(asked.Wait)
		t.Cleanup(func() { _ = l.Close() })
		host := map[string]string{docker.Name: l.Addr().String(), docker.PodmanName: "localhost"}[e.name]
		ref := host + "/local/image:1"
		e.loadAs(t, ref, marked(t, e.name+" local"))
		img, told, err := resolve(t, e.executor(t), ref, executor.PullAuto)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(img.Pinned, "sha256:") || img.Config.Env["MARK"] != e.name+" local" || len(told.messages)+len(told.warnings) > 0 {
			t.Errorf("got %+v, told %q %q", img, told.messages, told.warnings)
		}
		again := mustResolve(t, e.executor(t), img.Pinned, executor.PullAuto)
		if again.Pinned != img.Pinned {
			t.Errorf("by its content it is pinned as %s, want %s", again.Pinned, img.Pinned)
		}
		e.removeImages(t)
		if _, _, err := resolve(t, e.executor(t), img.Pinned, executor.PullAuto); !errors.Is(err, executor.ErrImageNotFound) {
			t.Errorf("removed: %v, want %v", err, executor.ErrImageNotFound)
		}
	})
}

// Docker with containerd's images gives digests to those that were never in a
// registry too, and tells only from API 1.53 on that they were not: before, they
// are asked for and then used as they are.
func TestLocalImageOfUnknownOrigin(t *testing.T) {
	onEngine(t, "moby", func(t *testing.T, e engine) {
		host := (&disguise{min: "1.44", max: "1.52"}).start(t, e)
		fresh := func() executor.Executor {
			x, err := docker.New(docker.Options{Host: host})
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		ref := deadHost(t) + "/local/image:1"
		e.loadAs(t, ref, marked(t, "origin"))
		img, told, err := resolve(t, fresh(), ref, executor.PullAuto)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(img.Pinned, "/local/image@sha256:") || img.Config.Env["MARK"] != "origin" || len(told.messages) != 1 || len(told.warnings) != 1 {
			t.Errorf("got %+v, told %q %q", img, told.messages, told.warnings)
		}
		for _, policy := range []executor.PullPolicy{executor.PullMissing, executor.PullAuto, executor.PullNever} {
			if again := mustResolve(t, fresh(), img.Pinned, policy); again.Pinned != img.Pinned {
				t.Errorf("policy %q: pinned as %s, want %s", policy, again.Pinned, img.Pinned)
			}
		}
	})
}
