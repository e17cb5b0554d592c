package executortest

import (
	"reflect"
	"strings"
	"sync"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// noImage is a reference that no engine has and no registry knows.
const noImage = "kog.test/contract/missing:1"

func imageTests() []subtest {
	lookup := []executor.Feature{executor.FeatureImageLookup}
	return []subtest{
		{name: "resolve", run: testResolve},
		{name: "configuration", run: testConfiguration, needs: lookup},
		{name: "no configuration", run: testNoConfiguration},
		{name: "policies", run: testPolicies},
		{name: "resolve at once", run: testResolveConcurrently},
		{name: "missing image", run: testMissingImage, needs: lookup},
		{name: "missing image at start", run: testMissingImageAtStart},
		{name: "missing entrypoint", run: testMissingEntrypoint},
		{name: "no command", run: testNoCommand},
	}
}

func (t *test) resolve(req executor.ImageRequest) executor.Image {
	t.Helper()
	img, err := t.exec.Resolve(t.ctx(), req)
	if err != nil {
		t.Fatalf("Resolve(%+v): %v", req, err)
	}
	return img
}

func testResolve(t *test) {
	got := t.resolve(executor.ImageRequest{Ref: t.s.settings})
	if got.Ref != t.s.settings || got.Pinned != t.s.settings {
		t.Errorf("a pinned reference %q resolves to %+v", t.s.settings, got)
	}
	other, err := t.other().Resolve(t.ctx(), executor.ImageRequest{Ref: t.s.settings})
	if err != nil || other.Pinned != got.Pinned {
		t.Errorf("another process resolves to %q, %v; want %q", other.Pinned, err, got.Pinned)
	}
}

func testConfiguration(t *test) {
	want := (&imageMaker{}).settings().Config
	c := t.resolve(executor.ImageRequest{Ref: t.s.settings}).Config
	if c == nil {
		t.Fatal("there is no configuration, and the image was looked at")
	}
	if c.Env["PATH"] != want.Env["PATH"] || !reflect.DeepEqual(c.Entrypoint, want.Entrypoint) ||
		!reflect.DeepEqual(c.Cmd, want.Cmd) || c.User != want.User || c.WorkingDir != want.WorkingDir {
		t.Errorf("the image's configuration is %+v, want %+v", *c, want)
	}
}

// testNoConfiguration: who does not look at images does not guess, either, and
// leaves it to Start to find that one is missing.
func testNoConfiguration(t *test) {
	if t.s.info.Has(executor.FeatureImageLookup) {
		t.Skip("this executor looks at images")
	}
	for _, ref := range []string{t.s.settings, noImage} {
		if got := t.resolve(executor.ImageRequest{Ref: ref}); got.Ref != ref || got.Pinned == "" || got.Config != nil {
			t.Errorf("%s resolves to %+v, want no configuration", ref, got)
		}
	}
}

// testPolicies asks for an image that is there under every policy that is
// content with that.
func testPolicies(t *test) {
	for _, policy := range []executor.PullPolicy{executor.PullAuto, executor.PullMissing, executor.PullNever} {
		// A client of its own, which knows of no other answer.
		got, err := t.s.cfg.New(t.T).Resolve(t.ctx(), executor.ImageRequest{Ref: t.s.plain, Pull: policy})
		if err != nil || got.Pinned != t.s.plain {
			t.Errorf("policy %q: pinned to %q, want %q, %v", policy, got.Pinned, t.s.plain, err)
		}
	}
}

func testResolveConcurrently(t *test) {
	ctx := t.ctx()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if img, err := t.exec.Resolve(ctx, executor.ImageRequest{Ref: t.s.plain}); err != nil || img.Pinned != t.s.plain {
				t.Errorf("Resolve gives %q, %v", img.Pinned, err)
			}
		})
	}
	all.Wait()
}

func testMissingImage(t *test) {
	_, err := t.exec.Resolve(t.ctx(), executor.ImageRequest{Ref: noImage, Pull: executor.PullNever})
	t.wantErr("Resolve", err, executor.ErrImageNotFound)
}

func testMissingImageAtStart(t *test) {
	spec := t.spec("exit", "0")
	spec.Image, spec.Pull = noImage, executor.PullNever
	t.wantErr("Start", t.refused(spec), executor.ErrImageNotFound)
}

// testMissingEntrypoint starts what cannot be executed. An ID that was refused
// is as good as new.
func testMissingEntrypoint(t *test) {
	const secret = "not-for-messages"
	for name, entrypoint := range map[string][]string{
		"missing":              {"/no/such/program"},
		"missing from PATH":    {"no-such-program"},
		"not executable":       {"/data/text"},
		"a directory":          {"/data"},
		"missing and no slash": {"probe"},
	} {
		spec := t.spec("exit", "7")
		spec.Entrypoint = entrypoint
		spec.Env = map[string]string{"SECRET": secret}
		err := t.refused(spec)
		if !strings.Contains(err.Error(), entrypoint[0]) {
			t.Errorf("%s: the error %q does not name %s", name, err, entrypoint[0])
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error tells a value of the environment", name)
		}
		spec.Entrypoint = nil
		t.wantCode(t.run(spec).exit, 7)
	}
}

func testNoCommand(t *test) {
	spec := t.spec()
	spec.Image, spec.Args = t.s.bare, nil
	_ = t.refused(spec)
	spec = t.spec("print", "stdout", "hello")
	spec.Image, spec.Entrypoint = t.s.bare, []string{"/probe"}
	if got := t.succeed(spec); got != "hello" {
		t.Errorf("stdout is %q, want hello", got)
	}
}
