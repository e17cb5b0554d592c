package executortest

import (
	"strconv"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest/probe"
)

func settingsTests() []subtest {
	users := []executor.Feature{executor.FeatureUsers}
	return []subtest{
		{name: "of the image", run: testImageSettings, needs: users},
		{name: "arguments", run: testArguments},
		{name: "entrypoint", run: testEntrypoint},
		{name: "empty lists", run: testEmptyLists, needs: []executor.Feature{executor.FeatureEmptyLists}},
		{name: "working directory", run: testWorkingDir},
		{name: "users", run: testUsers, needs: users},
		{name: "named users", run: testNamedUsers, needs: []executor.Feature{executor.FeatureUsers, executor.FeatureNamedUsers}},
		{name: "unknown user", run: testUnknownUser},
	}
}

// onSettings is for a container of the image that sets everything, as a user
// that every executor can do.
func (t *test) onSettings() executor.Spec {
	spec := t.spec()
	spec.Image, spec.Args, spec.User = t.s.settings, nil, "0"
	return spec
}

func testImageSettings(t *test) {
	spec := t.onSettings()
	spec.User = ""
	d := t.describe(spec)
	if d.Dir != "/work/here" || d.UID != userID || d.GID != groupID {
		t.Errorf("runs in %s as %d:%d, want /work/here and %d:%d", d.Dir, d.UID, d.GID, userID, groupID)
	}
	t.wantArgs(t.onSettings(), "probe", "describe")
}

// testArguments: nothing stands between the spec and the program.
func testArguments(t *test) {
	odd := []string{"", " ", "a b", `"quoted"`, "$HOME", "*", "new\nline", "grüße", "-x", `back\slash`}
	want := append([]string{"/probe", "describe", "--", "print", "stderr"}, "x")
	for _, arg := range odd {
		spec := t.spec("describe", "--", "print", "stderr", arg)
		want[5] = arg
		t.wantArgs(spec, want...)
	}
}

func testEntrypoint(t *test) {
	spec := t.onSettings()
	spec.Args = []string{"print", "stdout", "args"}
	if got := t.succeed(spec); got != "args" {
		t.Errorf("with Args stdout is %q, want args", got)
	}
	spec = t.onSettings()
	spec.Entrypoint = []string{"/opt/bin/probe", "print"}
	spec.Args = []string{"stdout", "both"}
	if got := t.succeed(spec); got != "both" {
		t.Errorf("with Entrypoint and Args stdout is %q, want both", got)
	}
	// Without Args the image's CMD is dropped, and the program has no verb.
	spec = t.onSettings()
	spec.Entrypoint = []string{"/opt/bin/probe"}
	t.wantCode(t.run(spec).exit, probe.CodeUsage)
}

// testEmptyLists: a list that is there and empty replaces that of the image.
func testEmptyLists(t *test) {
	spec := t.onSettings()
	spec.Args = []string{}
	t.wantCode(t.run(spec).exit, probe.CodeUsage) // the program has no verb
	spec = t.onSettings()
	spec.Entrypoint, spec.Args = []string{}, []string{"/opt/bin/probe", "print", "stdout", "args only"}
	if got := t.succeed(spec); got != "args only" {
		t.Errorf("without an entrypoint stdout is %q, want args only", got)
	}
	spec = t.onSettings()
	spec.Entrypoint, spec.Args = []string{}, []string{}
	_ = t.refused(spec)
}

// testWorkingDir: a directory that is missing is made.
func testWorkingDir(t *test) {
	if d := t.describe(t.spec("describe")); d.Dir != "/" {
		t.Errorf("runs in %s by default, want /", d.Dir)
	}
	for _, dir := range []string{"/tmp", "/data", "/made/for/this"} {
		spec := t.onSettings()
		spec.WorkingDir = dir
		if d := t.describe(spec); d.Dir != dir {
			t.Errorf("runs in %s, want %s", d.Dir, dir)
		}
	}
}

func testUsers(t *test) {
	t.wantUsers(map[string][2]int{
		"":          {0, 0},
		"1234":      {userID, groupID}, // known by number: its group
		"4321":      {4321, 0},
		"4321:5432": {4321, 5432},
		"root":      {0, 0},
	})
}

func testNamedUsers(t *test) {
	t.wantUsers(map[string][2]int{
		userName:           {userID, groupID},
		userName + ":77":   {userID, 77},
		"0:crew":           {0, 3456},
		"4321:" + userName: {4321, groupID},
	})
}

// wantUsers starts a container for each user and looks at its numbers.
func (t *test) wantUsers(users map[string][2]int) {
	t.Helper()
	for user, want := range users {
		spec := t.spec("describe")
		spec.User = user
		if d := t.describe(spec); d.UID != want[0] || d.GID != want[1] {
			t.Errorf("user %q runs as %d:%d, want %d:%d", user, d.UID, d.GID, want[0], want[1])
		}
	}
}

func testUnknownUser(t *test) {
	for _, user := range []string{"nobody-knows", "0:nobody-knows", strconv.Itoa(userID) + "x"} {
		spec := t.spec("describe")
		spec.User = user
		_ = t.refused(spec)
	}
}
