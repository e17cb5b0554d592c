package store

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

func TestParseReference(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	for text, want := range map[string]string{
		"busybox":                       "index.docker.io/library/busybox:latest",
		"busybox:1":                     "index.docker.io/library/busybox:1",
		"docker.io/busybox":             "index.docker.io/library/busybox:latest",
		"me/app":                        "index.docker.io/me/app:latest",
		"quay.io/a/b/c:v1":              "quay.io/a/b/c:v1",
		"localhost:5000/app":            "localhost:5000/app:latest",
		"host/app@" + digest:            "index.docker.io/host/app@" + digest,
		"quay.io/a/b:tag@" + digest:     "quay.io/a/b@" + digest,
		"oci:/dir:tag":                  "oci:/dir:tag",
		"builtin:x":                     "builtin:x",
		"store:" + digest:               "store:" + digest,
		"store:tag":                     "index.docker.io/library/store:tag",
		"docker-archive:/a/b.tar:x:y":   "docker-archive:/a/b.tar:x:y",
		"":                              "",
		"UPPER":                         "",
		"a:b:c":                         "",
		"http://x/y":                    "",
		"name@sha256:12":                "",
		"oci-archive:":                  "",
		"x@sha512:" + digest[7:] + "aa": "",
	} {
		ref, err := parseReference(text)
		if (err == nil) != (want != "") || err == nil && ref.canonical() != want {
			t.Errorf("%q: %q, %v; want %q", text, ref.canonicalOrEmpty(err), err, want)
		}
		if err != nil && !errors.Is(err, executor.ErrImageNotFound) {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

func (r reference) canonicalOrEmpty(err error) string {
	if err != nil {
		return ""
	}
	return r.canonical()
}

func TestSplitTag(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"plain", "with:colon"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Skip(err) // a system that has no such names
		}
	}
	for _, test := range []struct {
		in, path, tag string
		ok            bool
	}{
		{"plain", "plain", "", true},
		{"plain:v1", "plain", "v1", true},
		{"plain:app:v1", "plain", "app:v1", true},
		{"with:colon", "with:colon", "", true},
		{"with:colon:v1", "with:colon", "v1", true},
		{"none:v1", "none:v1", "", false},
	} {
		path, tag, ok := splitTag(filepath.Join(dir, test.in))
		if path != filepath.Join(dir, test.path) || tag != test.tag || ok != test.ok {
			t.Errorf("%s: %s, %s, %v", test.in, path, tag, ok)
		}
	}
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{
		"": 0, "1": 1, "1k": 1 << 10, "2M": 2 << 20, "10G": 10 << 30, "1T": 1 << 40,
		"0": -1, "-1": -1, "x": -1, "1.5G": -1, "K": -1, "9999999T": -1, "1B": -1,
	} {
		got, err := parseSize(in)
		if want < 0 && err == nil || want >= 0 && (err != nil || got != want) {
			t.Errorf("%q: %d, %v", in, got, err)
		}
	}
}

func TestLimitFor(t *testing.T) {
	s := &Store{}
	for stored, want := range map[int64]int64{0: 4 << 30, 1 << 20: 4 << 30, 100 << 20: 200 * 100 << 20, math.MaxInt64 / 2: math.MaxInt64} {
		if got := s.limitFor(stored); got != want {
			t.Errorf("%d: %d, want %d", stored, got, want)
		}
	}
	s.opts.MaxLayer = 7
	if got := s.limitFor(1 << 40); got != 7 {
		t.Errorf("set limit: %d", got)
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1.0 MiB", 4 << 30: "4.0 GiB", math.MaxInt64: "8.0 EiB",
	} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestLayerID(t *testing.T) {
	a := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("00", 16) + strings.Repeat("ff", 16)}
	b := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ff", 32)}
	if layerID(a) != strings.Repeat("0", 26) || layerID(b) != strings.Repeat("v", 25)+"s" {
		t.Errorf("%s, %s", layerID(a), layerID(b))
	}
}

func TestRetryAfter(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, "-1": 0, "soon": 0, "Mon, 02 Jan 2006 15:04:05 GMT": 0,
	} {
		if got := retryAfter(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	if got := retryAfter(time.Now().Add(time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")); got < 50*time.Minute || got > time.Hour {
		t.Errorf("in an hour: %s", got)
	}
}

func TestErrorsAreShort(t *testing.T) {
	long := errors.New("first \x1b[31m line " + strings.Repeat("x", 1000) + "\nsecond")
	if got := firstLine(long); len(got) > 310 || strings.ContainsAny(got, "\n\x1b") {
		t.Errorf("%q", got)
	}
}
