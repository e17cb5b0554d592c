package store

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// unpackBytes unpacks a tar as ensureLayer does, without a store around it.
func unpackBytes(t testing.TB, data []byte, limit int64) (root string, flat bool, err error) {
	t.Helper()
	root = t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	in, err := newStream(context.Background(), bytes.NewReader(data), layer{}, limit)
	if err != nil {
		return root, false, err
	}
	defer in.close()
	flat, err = unpack(root, in, unpackOptions{rootless: os.Geteuid() != 0})
	return root, flat, err
}

const testLimit = 1 << 20

func TestUnpack(t *testing.T) {
	needRoot(t)
	long := strings.Repeat("long-name/", 30) + "end"
	for _, test := range []struct {
		name    string
		entries []tar.Header
		want    []string
		absent  []string
	}{
		{
			"files and parents",
			[]tar.Header{file("a/b/c", "x"), dir("./d/"), file("/abs", "y"), file("a/../e", "z")},
			[]string{"a 40755", "a/b 40755", `a/b/c 100644 "x"`, "d 40755", `abs 100644 "y"`, `e 100644 "z"`},
			nil,
		},
		{
			"modes",
			[]tar.Header{
				{Typeflag: tar.TypeReg, Name: "suid", Mode: 0o4755},
				{Typeflag: tar.TypeReg, Name: "none", Mode: 0},
				{Typeflag: tar.TypeDir, Name: "sticky", Mode: 0o1777},
				{Typeflag: tar.TypeDir, Name: ".", Mode: 0o555},
			},
			[]string{`suid 104755 ""`, `none 100000 ""`, "sticky 41777", ". 40555"},
			nil,
		},
		{
			"links",
			[]tar.Header{file("f", "x"), hardlink("dir/h", "f"), symlink("s", "/etc/passwd"), symlink("up", "../../.."), hardlink("hs", "s")},
			[]string{`dir/h 100644 "x"`, "s 120777 -> /etc/passwd", "up 120777 -> ../../..", "hs 120777 -> /etc/passwd"},
			nil,
		},
		{
			"through links, in the layer",
			[]tar.Header{dir("real"), symlink("abs", "/real"), symlink("up", "../../../real"), file("abs/a", "1"), file("up/b", "2")},
			[]string{`real/a 100644 "1"`, `real/b 100644 "2"`},
			nil,
		},
		{
			"later replaces earlier",
			[]tar.Header{file("a", "1"), dir("a"), file("a/x", "2"), file("b", "3"), symlink("b", "a"), dir("c"), file("c/y", "4"), file("c", "5")},
			[]string{"a 40755", `a/x 100644 "2"`, "b 120777 -> a", `c 100644 "5"`},
			nil,
		},
		{
			"whiteouts",
			[]tar.Header{dir("d"), file("d/.wh.gone", ""), file(".wh.top", ""), file("e/.wh..wh..opq", "")},
			[]string{"d/gone 20000", "top 20000", "e 40755 trusted.overlay.opaque=y"},
			[]string{"d/.wh.gone", ".wh.top", "e/.wh..wh..opq"},
		},
		{
			"whiteouts spare this layer",
			[]tar.Header{file("f", "1"), file(".wh.f", ""), dir("d"), file("d/x", "2"), file(".wh.d", "")},
			[]string{`f 100644 "1"`, "d 40755 trusted.overlay.opaque=y", `d/x 100644 "2"`},
			nil,
		},
		{
			"made anew after a whiteout",
			[]tar.Header{file(".wh.f", ""), file("f", "1"), file(".wh.d", ""), file("d/x", "2"), file(".wh.e", ""), dir("e")},
			[]string{`f 100644 "1"`, "d 40755 trusted.overlay.opaque=y", `d/x 100644 "2"`, "e 40755 trusted.overlay.opaque=y"},
			nil,
		},
		{
			"aufs bookkeeping is left out",
			[]tar.Header{file(".wh..wh.aufs", ""), file(".wh..wh.plnk/1.2", "")},
			[]string{". 40755"},
			[]string{".wh..wh.aufs", ".wh..wh.plnk"},
		},
		{"long names", []tar.Header{file(long, "x")}, []string{long + ` 100644 "x"`}, nil},
		{"pipe", []tar.Header{{Typeflag: tar.TypeFifo, Name: "p", Mode: 0o622}}, []string{"p 10622"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			root, flat, err := unpackBytes(t, layerTar(t, test.entries...), testLimit)
			if err != nil || flat {
				t.Fatalf("unpack: flat %v, %v", flat, err)
			}
			lines := snapshot(t, root)
			for _, want := range test.want {
				if !has(lines, want) {
					t.Errorf("no %q in\n%s", want, strings.Join(lines, "\n"))
				}
			}
			for _, name := range test.absent {
				if has(lines, name) {
					t.Errorf("%q is there", name)
				}
			}
		})
	}
}

func TestUnpackMetadata(t *testing.T) {
	needRoot(t)
	when := time.Unix(1234567890, 0)
	capability := "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	root, _, err := unpackBytes(t, layerTar(t,
		tar.Header{Typeflag: tar.TypeDir, Name: "d", Mode: 0o700, Uid: 11, Gid: 12, ModTime: when},
		tar.Header{
			Typeflag: tar.TypeReg, Name: "d/f", Mode: 0o755, Uid: 123456, Gid: 2147483649, ModTime: when, Format: tar.FormatPAX,
			PAXRecords: map[string]string{
				attrRecord + "security.capability":      capability,
				attrRecord + "user.note":                "hi",
				attrRecord + "trusted.overlay.redirect": "/elsewhere",
				attrRecord + "user.overlay.opaque":      "y",
			},
		},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "d/l", Linkname: "f", Uid: 5, Gid: 6, ModTime: when},
	), testLimit)
	if err != nil {
		t.Fatal(err)
	}
	for name, owner := range map[string][2]uint32{"d": {11, 12}, "d/f": {123456, 2147483649}, "d/l": {5, 6}} {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(root, name), &st); err != nil {
			t.Fatal(err)
		}
		if st.Uid != owner[0] || st.Gid != owner[1] || st.Mtim.Sec != when.Unix() {
			t.Errorf("%s: owner %d:%d, time %d; want %v, %d", name, st.Uid, st.Gid, st.Mtim.Sec, owner, when.Unix())
		}
	}
	for attr, want := range map[string]string{
		"security.capability": capability, "user.note": "hi", "trusted.overlay.redirect": "", "user.overlay.opaque": "",
	} {
		buf := make([]byte, 64)
		n, err := unix.Lgetxattr(filepath.Join(root, "d/f"), attr, buf)
		if got := string(buf[:max(n, 0)]); got != want {
			t.Errorf("attribute %s = %q, %v; want %q", attr, got, err, want)
		}
	}
}

func TestUnpackRefuses(t *testing.T) {
	huge := tar.Header{Typeflag: tar.TypeReg, Name: "huge", Size: 10 << 30}
	header := func(h tar.Header) []byte {
		var buf bytes.Buffer
		if err := tar.NewWriter(&buf).WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	good := layerTar(t, file("a", strings.Repeat("x", 2000)))
	for _, test := range []struct {
		name string
		data []byte
		want string
		is   error
	}{
		{"dot dot", layerTar(t, file("../evil", "x")), `entry "../evil": the name leads out of the layer`, errEscapes},
		{"dot dot inside", layerTar(t, file("a/../../evil", "x")), "leads out of the layer", errEscapes},
		{"absolute dot dot", layerTar(t, file("/../evil", "x")), "leads out of the layer", errEscapes},
		{"only dot dot", layerTar(t, dir("..")), "leads out of the layer", errEscapes},
		{"link out", layerTar(t, hardlink("l", "../../etc/passwd")), "leads out of the layer", errEscapes},
		{"link to what is not there", layerTar(t, hardlink("l", "/etc/passwd")), "not a file of this layer", nil},
		{"link through a link out", layerTar(t, symlink("s", "/"), hardlink("l", "s/etc/passwd")), "not a file of this layer", nil},
		{"link to a directory", layerTar(t, dir("d"), hardlink("l", "d")), "not a file of this layer", nil},
		{"below a dangling link", layerTar(t, symlink("s", "/nowhere"), file("s/f", "x")), `entry "s/f": "s" is not a directory`, nil},
		{"below a loop", layerTar(t, symlink("s", "s"), file("s/f", "x")), `entry "s/f"`, unix.ELOOP},
		{"below a file", layerTar(t, file("f", "x"), file("f/g", "x")), `"f" is not a directory`, nil},
		{"whiteout of dot dot", layerTar(t, file("d/.wh...", "")), "leads out of the layer", errEscapes},
		{"below a whiteout", layerTar(t, file(".wh.d/f", "x")), "marks of removed files", errReserved},
		{"root is a file", layerTar(t, file("./.", "")), "must be a directory", nil},
		{"character device", layerTar(t, tar.Header{Typeflag: tar.TypeChar, Name: "dev/mem", Devmajor: 1, Devminor: 1}), `entry "dev/mem": device nodes are not supported`, executor.ErrUnsupported},
		{"block device", layerTar(t, tar.Header{Typeflag: tar.TypeBlock, Name: "sda", Devmajor: 8}), "device nodes", executor.ErrUnsupported},
		{"overlay's own mark", layerTar(t, tar.Header{Typeflag: tar.TypeChar, Name: "gone"}), "device nodes", executor.ErrUnsupported},
		{"owner out of range", layerTar(t, tar.Header{Typeflag: tar.TypeReg, Name: "f", Uid: 1<<32 - 1}), "out of range", nil},
		{"huge file", header(huge), `entry "huge": 10.0 GiB: unpacks to more than 1.0 MiB; set KOG_MAX_LAYER_SIZE`, errTooLarge},
		{"bomb", gzipped(t, layerTar(t, file("bomb", strings.Repeat("\x00", 4<<20)))), "unpacks to more than 1.0 MiB", errTooLarge},
		{"bomb of entries", gzipped(t, layerTar(t, manyDirs(4000)...)), "unpacks to more than 1.0 MiB", errTooLarge},
		{"truncated in a file", good[:1000], `entry "a": damaged or truncated`, nil},
		{"truncated in a header", good[:300], "damaged or truncated after the beginning", nil},
		{"truncated gzip", gzipped(t, good)[:40], "damaged or truncated", nil},
		{"truncated zstd", zstded(t, good)[:20], "damaged or truncated", nil},
		{"not a tar", bytes.Repeat([]byte("no tar at all "), 100), "damaged or truncated after the beginning", nil},
		{"unknown kind", layerTar(t, tar.Header{Typeflag: 'Z', Name: "z"}), "unknown kind of entry 'Z'", executor.ErrUnsupported},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := unpackBytes(t, test.data, testLimit)
			if err == nil {
				t.Fatal("no error")
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("error %q is not %q", err, test.is)
			}
			// Where exactly a damage shows depends on the compression.
			if want := strings.Replace(test.want, "damaged or truncated after the beginning", "damaged or truncated", 1); !strings.Contains(err.Error(), want) {
				t.Errorf("error %q lacks %q", err, want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error has several lines: %q", err)
			}
		})
	}
}

func manyDirs(n int) []tar.Header {
	var out []tar.Header
	for range n {
		out = append(out, dir("same"))
	}
	return out
}

func TestUnpackRefusesSparse(t *testing.T) {
	if _, err := exec.LookPath("tar"); err != nil {
		t.Skip("needs tar")
	}
	work := t.TempDir()
	if err := os.WriteFile(filepath.Join(work, "sparse"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(work, "sparse"), 10<<30); err != nil {
		t.Fatal(err)
	}
	for _, format := range [][]string{
		{"--format=gnu"},
		{"--format=posix", "--sparse-version=0.0"},
		{"--format=posix", "--sparse-version=0.1"},
		{"--format=posix", "--sparse-version=1.0"},
	} {
		t.Run(strings.Join(format, " "), func(t *testing.T) {
			args := append([]string{"-C", work, "-c", "-S", "-f", "-"}, append(format, "sparse")...)
			data, err := exec.Command("tar", args...).Output()
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = unpackBytes(t, data, 20<<30)
			if !errors.Is(err, executor.ErrUnsupported) || !strings.Contains(err.Error(), "sparse") {
				t.Errorf("error = %v", err)
			}
		})
	}
}

func TestStreamVerify(t *testing.T) {
	plain := layerTar(t, file("a", "x"))
	other := layerTar(t, file("a", "y"))
	hash := func(b []byte) v1.Hash {
		h, _, err := v1.SHA256(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	garbage := append(bytes.Clone(plain), []byte("garbage after the end")...)
	gzGarbage := append(gzipped(t, plain), []byte("garbage after the end")...)
	for _, test := range []struct {
		name           string
		data           []byte
		digest, diffID v1.Hash
		want           string
	}{
		{"right", gzipped(t, plain), hash(gzipped(t, plain)), hash(plain), ""},
		{"zstd", zstded(t, plain), hash(zstded(t, plain)), hash(plain), ""},
		{"garbage after the tar", garbage, hash(garbage), hash(garbage), ""},
		{"garbage after the gzip", gzGarbage, hash(gzGarbage), hash(plain), ""},
		{"wrong digest", gzipped(t, plain), hash(other), hash(plain), "wrong digest"},
		{"wrong diff ID", gzipped(t, plain), hash(gzipped(t, plain)), hash(other), "wrong diff ID"},
		{"ends early", plain[:1024], hash(plain[:1024]), hash(plain), "wrong diff ID"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in, err := newStream(context.Background(), bytes.NewReader(test.data), layer{digest: test.digest, diffID: test.diffID}, testLimit)
			if err != nil {
				t.Fatal(err)
			}
			defer in.close()
			if _, err = unpack(t.TempDir(), in, unpackOptions{rootless: true}); err == nil {
				err = in.verify()
			}
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error = %v, want %q", err, test.want)
			}
		})
	}
}

func TestUnpackEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cause := errors.New("the caller left")
	in, err := newStream(ctx, bytes.NewReader(layerTar(t, file("a", strings.Repeat("x", 300<<10)))), layer{}, testLimit)
	if err != nil {
		t.Fatal(err)
	}
	cancel(cause)
	_, err = unpack(t.TempDir(), in, unpackOptions{rootless: true})
	if !errors.Is(err, cause) || strings.Contains(err.Error(), "damaged") {
		t.Errorf("error = %v", err)
	}
}
