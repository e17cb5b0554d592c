package executortest

import (
	"bytes"
	"strings"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest/probe"
)

func fileTests() []subtest {
	return []subtest{
		{name: "read", run: testFileRead},
		{name: "read-only", run: testFileReadOnly},
		{name: "other user", run: testFileOtherUser, needs: []executor.Feature{executor.FeatureUsers}},
		{name: "content", run: testFileContent},
		{name: "of a run", run: testFilesOfRun},
		{name: "own file system", run: testOwnFileSystem},
	}
}

const contextPath = "/run/kog/context.json"

// withFile is for a container with a file that has {}.
func (t *test) withFile(path string, args ...string) executor.Spec {
	spec := t.spec(args...)
	spec.Files = []executor.File{{Path: path, Data: []byte("{}")}}
	return spec
}

func testFileRead(t *test) {
	for _, path := range []string{contextPath, "/top", "/data/text", "/made/for/this/file"} {
		if got := t.succeed(t.withFile(path, "read", path)); got != "{}" {
			t.Errorf("%s has %q, want {}", path, got)
		}
	}
}

// testFileReadOnly: not even root changes it.
func testFileReadOnly(t *test) {
	r := t.run(t.withFile(contextPath, "write", contextPath, "changed"))
	t.wantCode(r.exit, probe.CodeDenied)
	spec := t.withFile(contextPath, "append", contextPath, "changed")
	t.wantCode(t.run(spec).exit, probe.CodeDenied)
}

func testFileOtherUser(t *test) {
	spec := t.withFile(contextPath, "read", contextPath)
	spec.User = "4321:5432"
	if got := t.succeed(spec); got != "{}" {
		t.Errorf("another user reads %q, want {}", got)
	}
	spec = t.withFile(contextPath, "write", contextPath, "changed")
	spec.User = "4321:5432"
	t.wantCode(t.run(spec).exit, probe.CodeDenied)
}

func testFileContent(t *test) {
	spec := t.spec("read", "/a/empty", "--", "read", "/a/one", "--", "read", "/b/big")
	data := bytes.ReplaceAll(big(), []byte("\r"), nil) // this is not about output
	spec.Files = []executor.File{
		{Path: "/a/empty"}, {Path: "/a/one", Data: []byte("one\x00\n")}, {Path: "/b/big", Data: data},
	}
	if got := t.succeed(spec); got != "one\x00\n"+string(data) {
		t.Errorf("the files have %d bytes, want %d equal ones", len(got), 5+len(data))
	}
}

// testFilesOfRun: containers that share a sandbox have each their own files,
// whichever of the others is removed, also after a sweep.
func testFilesOfRun(t *test) {
	ofRun := with(t.labels(), map[string]string{"kog.test/run": "files"})
	reads := func(text string) executor.Process {
		spec := t.spec("read", contextPath)
		spec.Files = []executor.File{{Path: contextPath, Data: []byte(text)}}
		spec.Labels = with(spec.Labels, ofRun)
		spec.Sandbox = executor.Sandbox{ID: t.id + "-run", Labels: ofRun}
		p := t.start(spec)
		if got, _ := t.output(p); got != text {
			t.Errorf("a container reads %q, want %q", got, text)
		}
		t.wantCode(t.wait(p), 0)
		return p
	}
	first := reads("one")
	reads("two")
	if err := first.Remove(t.ctx()); err != nil {
		t.Errorf("Remove: %v", err)
	}
	reads("three")
	if n := t.sweepOf(ofRun); n != 2 {
		t.Errorf("Sweep takes %d containers, want 2", n)
	}
	reads("four")
}

// testOwnFileSystem: each container writes into its own copy of the image.
func testOwnFileSystem(t *test) {
	first := t.succeed(t.spec("append", "/data/text", "more\n", "--", "read", "/data/text"))
	if first != "text\nmore\n" {
		t.Errorf("the first container reads %q", first)
	}
	if second := t.succeed(t.spec("read", "/data/text")); second != "text\n" {
		t.Errorf("the second container reads %q, want the image's own", second)
	}
	if mode := strings.TrimSpace(t.succeed(t.spec("mode", "/tmp"))); mode != "dtrwxrwxrwx" {
		t.Errorf("/tmp has mode %s, want that of the image", mode)
	}
}
