package executortest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest/probe"
)

func stdinTests() []subtest {
	needs := []executor.Feature{executor.FeatureStdin}
	return []subtest{
		{name: "none", run: testNoStdin},
		{name: "some", run: testStdin, needs: needs},
		{name: "big", run: testBigStdin, needs: needs},
		{name: "not read", run: testStdinNotRead, needs: needs},
	}
}

// testNoStdin: end of file at once, not a terminal and not a wait.
func testNoStdin(t *test) {
	if got := t.succeed(t.spec("stdin")); got != "" {
		t.Errorf("stdin has %q, want nothing", got)
	}
}

func testStdin(t *test) {
	for _, text := range []string{"e30=\n", "no newline", "\x00\x04\x03\x1b", "\n\n"} {
		spec := t.spec("stdin")
		spec.Stdin = []byte(text)
		if got := t.succeed(spec); got != text {
			t.Errorf("stdin has %q, want %q", got, text)
		}
	}
}

// big is more than any pipe holds.
func big() []byte {
	var b strings.Builder
	_ = probe.WriteNoise(&b, 2<<20+3, 9) // a strings.Builder takes everything
	return []byte(b.String())
}

func testBigStdin(t *test) {
	spec := t.spec("stdin")
	spec.Stdin = big()
	if got := t.succeed(spec); got != string(spec.Stdin) {
		t.Errorf("stdin has %d bytes, want %d equal ones", len(got), len(spec.Stdin))
	}
}

func testStdinNotRead(t *test) {
	spec := t.spec("exit", "5")
	spec.Stdin = big()
	t.wantCode(t.run(spec).exit, 5)
}

func envTests() []subtest {
	return []subtest{
		{name: "layers", run: testEnvLayers},
		{name: "values", run: testEnvValues},
		{name: "many", run: testManyVariables},
	}
}

// description is what a container says of itself.
type description struct{ probe.Description }

// describe runs a container whose command is describe.
func (t *test) describe(spec executor.Spec) description {
	t.Helper()
	var d description
	text := t.succeed(spec)
	if err := json.Unmarshal([]byte(text), &d.Description); err != nil {
		t.Fatalf("describe: %v in %q", err, text)
	}
	return d
}

// env gives a variable, or "(unset)".
func (d description) env(name string) string {
	for _, e := range d.Env {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return "(unset)"
}

func testEnvLayers(t *test) {
	const ofClient = "KOG_CONTRACT_CLIENT"
	t.Setenv(ofClient, "set")
	spec := t.spec("describe")
	spec.Env = map[string]string{"IN_BOTH": "spec", "FROM_SPEC": "yes"}
	d := t.describe(spec)
	for name, want := range map[string]string{
		"FROM_IMAGE": "yes", "IN_BOTH": "spec", "FROM_SPEC": "yes", "PATH": "/usr/bin:/bin",
		ofClient: "(unset)", // nothing comes from the client's own environment
	} {
		if got := d.env(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func testEnvValues(t *test) {
	values := map[string]string{
		"EMPTY": "", "SPACES": "  a  b  ", "LINES": "one\ntwo\n", "QUOTES": `"'\$HOME` + "`", "EQUALS": "a=b=c",
		"UNICODE": "grüße 世界 🚀", "CONTROL": "\x01\x1b\x7f\t\r", "DOLLAR": "$PATH ${PATH} $(PATH) %PATH%", "lower.dot-dash": "yes",
	}
	spec := t.spec("describe")
	spec.Env = values
	d := t.describe(spec)
	for name, want := range values {
		if got := d.env(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func testManyVariables(t *test) {
	spec := t.spec("describe")
	spec.Env = map[string]string{}
	for i := range 500 {
		spec.Env[fmt.Sprintf("VARIABLE_%03d", i)] = strings.Repeat("v", i)
	}
	d := t.describe(spec)
	for name, want := range spec.Env {
		if got := d.env(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func (t *test) wantArgs(spec executor.Spec, want ...string) {
	t.Helper()
	if got := t.describe(spec).Args; !reflect.DeepEqual(got, want) {
		t.Errorf("the command line is %q, want %q", got, want)
	}
}
