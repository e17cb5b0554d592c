package executortest

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest/probe"
)

func outputTests() []subtest {
	split := []executor.Feature{executor.FeatureSplitOutput}
	return []subtest{
		{name: "apart", run: testApart, needs: split},
		{name: "none", run: testNoOutput},
		{name: "no newline", run: testNoNewline},
		{name: "many lines", run: testManyLines},
		{name: "both by turns", run: testByTurns, needs: split},
		{name: "long line", run: testLongLine},
		{name: "binary", run: testBinary},
		{name: "binary on stderr", run: testBinaryStderr, needs: split},
		{name: "last words", run: testLastWords},
	}
}

func testApart(t *test) {
	r := t.run(t.spec("print", "stdout", "to out\n", "--", "print", "stderr", "to err\n"))
	if r.stdout != "to out\n" || r.stderr != "to err\n" {
		t.Errorf("stdout is %q and stderr %q", r.stdout, r.stderr)
	}
}

func testNoOutput(t *test) {
	r := t.run(t.spec("exit", "0"))
	if r.stdout != "" || r.stderr != "" {
		t.Errorf("stdout is %q and stderr %q, want nothing", r.stdout, r.stderr)
	}
}

func testNoNewline(t *test) {
	for _, text := range []string{"no newline", "\n", "one\r\ntwo\r", "tab\tand \x1b[31mcolour"} {
		if got := t.succeed(t.spec("print", "stdout", text)); got != text {
			t.Errorf("stdout is %q, want %q", got, text)
		}
	}
}

const manyLines = 200_000

func testManyLines(t *test) {
	t.wantDigest(t.spec("lines", "stdout", fmt.Sprint(manyLines), "line"), func(w io.Writer) error {
		return probe.WriteLines(w, "line", manyLines)
	})
}

// testByTurns: the order within each stream holds when both are busy.
func testByTurns(t *test) {
	r := t.run(t.spec("lines", "both", "50000", "x"))
	t.wantCode(r.exit, 0)
	var out, err bytes.Buffer
	_ = probe.WriteLines(&out, "x out", 50_000) // a bytes.Buffer takes everything
	_ = probe.WriteLines(&err, "x err", 50_000)
	for _, c := range []struct{ name, got, want string }{
		{"stdout", r.stdout, out.String()}, {"stderr", r.stderr, err.String()},
	} {
		if c.got != c.want {
			t.Errorf("%s has %d lines in %d bytes, want 50000 in %d", c.name, strings.Count(c.got, "\n"), len(c.got), len(c.want))
		}
	}
}

const longLine = 64 << 20

func testLongLine(t *test) {
	t.wantDigest(t.spec("line", "stdout", fmt.Sprint(longLine)), func(w io.Writer) error {
		return probe.WriteLine(w, longLine)
	})
}

const noiseSize = 3<<20 + 1

func testBinary(t *test) {
	t.wantDigest(t.spec("noise", "stdout", fmt.Sprint(noiseSize), "7"), func(w io.Writer) error {
		return probe.WriteNoise(w, noiseSize, 7)
	})
}

func testBinaryStderr(t *test) {
	p := t.start(t.spec("noise", "stderr", fmt.Sprint(noiseSize), "8"))
	out, err := newDigest(), newDigest()
	if e := p.Follow(t.ctx(), out, err); e != nil {
		t.Fatalf("Follow: %v", e)
	}
	want := digestOf(func(w io.Writer) error { return probe.WriteNoise(w, noiseSize, 8) })
	if err.String() != want || out.size != 0 {
		t.Errorf("stderr has %s, want %s; stdout has %d bytes, want none", err, want, out.size)
	}
}

// testLastWords: what is printed right before the end arrives, again and again.
func testLastWords(t *test) {
	for i := range 10 {
		want := fmt.Sprintf("last words %d\n", i)
		r := t.run(t.spec("print", "stdout", want, "--", "exit", "1"))
		t.wantCode(r.exit, 1)
		if r.stdout != want {
			t.Errorf("stdout is %q, want %q", r.stdout, want)
		}
	}
}

// wantDigest runs a container whose stdout is too long to keep.
func (t *test) wantDigest(spec executor.Spec, write func(io.Writer) error) {
	t.Helper()
	p := t.start(spec)
	got := newDigest()
	if err := p.Follow(t.ctx(), got, io.Discard); err != nil {
		t.Fatalf("Follow: %v", err)
	}
	t.wantCode(t.wait(p), 0)
	if want := digestOf(write); got.String() != want {
		t.Errorf("stdout has %s, want %s", got, want)
	}
}
