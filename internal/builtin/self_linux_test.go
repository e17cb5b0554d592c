package builtin

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func writeConf(t *testing.T, dir, name, text string) string {
	t.Helper()
	full := filepath.Join(dir, name)
	if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return full
}

func TestConfDirs(t *testing.T) {
	dir := t.TempDir()
	main := writeConf(t, dir, "ld.so.conf", "# comment\n/a # more\n\ninclude *.conf.d\nrelative\ninclude\ninclude [\n/z\n")
	writeConf(t, dir, "one.conf.d", "/b\n")
	writeConf(t, dir, "two.conf.d", "/c\n")
	if got, want := confDirs(main, 0), []string{"/a", "/b", "/c", "/z"}; !slices.Equal(got, want) {
		t.Errorf("dirs %v, want %v", got, want)
	}
	endless := writeConf(t, dir, "endless", "/e\ninclude "+filepath.Join(dir, "endless")+"\n")
	if got := len(confDirs(endless, 0)); got != maxIncludes+1 {
		t.Errorf("a file that includes itself gives %d folders", got)
	}
	if got := confDirs(filepath.Join(dir, "none"), 0); got != nil {
		t.Errorf("a missing file gives %v", got)
	}
}

// TestLibrariesAgreeWithTheLoader asks the loader itself what a dynamic
// binary needs.
func TestLibrariesAgreeWithTheLoader(t *testing.T) {
	const binary = "/bin/bash"
	listed, err := exec.Command("ldd", binary).Output()
	if err != nil {
		t.Skipf("no dynamic %s here: %v", binary, err)
	}
	libs, err := libraries(binary)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for line := range strings.Lines(string(listed)) {
		if name, _, ok := strings.Cut(strings.TrimSpace(line), " => "); ok {
			want = append(want, name)
		}
	}
	for _, lib := range libs.found {
		if lib.name != filepath.Base(libs.loader) {
			got = append(got, lib.name)
		}
		if _, err := os.Stat(lib.path); err != nil {
			t.Error(err)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("libraries %v, the loader says %v", got, want)
	}
	if libs.loader == "" {
		t.Error("no loader found")
	}
}

func TestMissingLibrary(t *testing.T) {
	bin, err := readObject("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	_, err = find("libnone.so.1", []string{"/nowhere", "/else"}, bin)
	if err == nil || !strings.Contains(err.Error(), "/nowhere, /else") {
		t.Errorf("error %v, want the folders that were searched", err)
	}
}

func TestExpandOrigin(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(dir, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	name := writeConf(t, dir, "lib.so", "")
	got := expandOrigin([]string{"$ORIGIN/x:/y", "", "${ORIGIN}"}, filepath.Join(dir, "link", "lib.so"))
	if want := []string{filepath.Dir(name) + "/x", "/y", filepath.Dir(name)}; !slices.Equal(got, want) {
		t.Errorf("run paths %v, want %v", got, want)
	}
}

func TestNoteText(t *testing.T) {
	note := func(length uint32, owner, text string) []byte {
		head := binary.LittleEndian.AppendUint32(nil, 4)
		head = binary.LittleEndian.AppendUint32(head, length)
		head = binary.LittleEndian.AppendUint32(head, 4)
		return append(head, owner+text...)
	}
	for name, tc := range map[string]struct {
		note []byte
		want string
	}{
		"good":        {note(3, "Go\x00\x00", "abc"), "abc"},
		"padded":      {note(3, "Go\x00\x00", "abc\x00"), "abc"},
		"other owner": {note(3, "GNU\x00", "abc"), ""},
		"too long":    {note(9, "Go\x00\x00", "abc"), ""},
		"empty":       {nil, ""},
		"cut":         {note(3, "Go", ""), ""},
	} {
		if got := noteText(tc.note, binary.LittleEndian); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestBuildIDFallsBackToContent(t *testing.T) {
	first, err := buildID("/bin/sh") // not a Go program
	if err != nil {
		t.Fatal(err)
	}
	second, err := buildID("/bin/sh")
	if err != nil || first != second || len(first) != 64 {
		t.Errorf("IDs %q and %q, %v", first, second, err)
	}
	if own, err := buildID(selfPath); err != nil || own == first {
		t.Errorf("own ID %q, %v", own, err)
	}
}
