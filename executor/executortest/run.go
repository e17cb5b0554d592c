// Package executortest is the contract of package executor as a test suite.
// Every executor runs it over real containers:
//
//	func TestContract(t *testing.T) {
//		executortest.Run(t, executortest.Config{
//			New:  func(t *testing.T) executor.Executor { return newClient(t) },
//			Load: func(t *testing.T, img executortest.Image) string { return load(t, img.Archive) },
//		})
//	}
//
// The containers run the program of the folder probe, which the suite builds
// with the go command. Set KOG_TEST_PROBE to the path of a built one where
// there is no go command.
package executortest

import (
	"context"
	"crypto/rand"
	"os/exec"
	"strings"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// DefaultTimeout is Config.Timeout when that is zero.
const DefaultTimeout = time.Minute

// Config says how the suite reaches an executor. New and Load are required.
type Config struct {
	// Name is what KOG_TEST_REQUIRE calls this executor. Default: Info.Name.
	Name string
	// New makes a client. All clients talk to the same engine. It registers
	// its own clean-up with t.
	New func(t *testing.T) executor.Executor
	// Load makes an image available to the engine and returns its reference. It
	// is called a few times before the first test.
	Load func(t *testing.T, img Image) string
	// NewProcess gives a command, not started, whose process makes a client of
	// the same engine and calls Serve with it on its standard input and output.
	// Usually that is the test binary itself with a variable that its TestMain
	// looks at. When nil, another client of this process stands in for another
	// process.
	NewProcess func(t *testing.T) *exec.Cmd
	// NewVolume gives an empty directory that containers can mount and every
	// user can write. Default: a temporary directory of this machine.
	NewVolume func(t *testing.T) HostDir
	// Leftovers lists whatever exists on the engine because of the suite:
	// containers, mounts, processes, control groups, folders. The suite ends
	// with the check that there is nothing. Nil leaves that to Sweep alone.
	Leftovers func(t *testing.T) []string
	// TellsSignals: Exit.Signal is set whenever a signal ended a container.
	// Otherwise it may be empty.
	TellsSignals bool
	// Features replaces what Probe says about abilities.
	Features map[executor.Feature]executor.Ability
	// Skip leaves subtests out, by name ("output/noise"), each with its reason.
	Skip map[string]string
	// IgnoreGoroutines lists parts of stacks of goroutines that a client may
	// leave behind, such as those of a library's own pool.
	IgnoreGoroutines []string
	// Device is a device of the engine's machine that containers may not use
	// unless they are given it. Default: the first of some usual ones that is on
	// this machine; a test is skipped where there is none.
	Device string
	// Timeout bounds each call. Default: DefaultTimeout.
	Timeout time.Duration
}

// subtest is one part of the contract. It is skipped when the executor lacks
// one of the abilities.
type subtest struct {
	name  string
	run   func(t *test)
	needs []executor.Feature
}

type group struct {
	name  string
	tests []subtest
}

func groups() []group {
	return []group{
		{"info", infoTests()},
		{"spec", specTests()},
		{"image", imageTests()},
		{"exit", exitTests()},
		{"output", outputTests()},
		{"follow", followTests()},
		{"stdin", stdinTests()},
		{"env", envTests()},
		{"settings", settingsTests()},
		{"isolation", isolationTests()},
		{"files", fileTests()},
		{"volumes", volumeTests()},
		{"network", networkTests()},
		{"limits", limitTests()},
		{"same", sameTests()},
		{"attach", attachTests()},
		{"wait", waitTests()},
		{"stop", stopTests()},
		{"remove", removeTests()},
		{"cancel", cancelTests()},
		{"sweep", sweepTests()},
		{"many", manyTests()},
	}
}

// suite is what all subtests of one Run share.
type suite struct {
	cfg      Config
	info     executor.Info
	id       string // in all labels and container IDs
	plain    string // pinned references
	settings string
	bare     string
}

// Run runs the contract as subtests of t, one at a time.
func Run(t *testing.T, cfg Config) {
	s := newSuite(t, cfg)
	for _, g := range groups() {
		t.Run(g.name, func(t *testing.T) {
			for _, sub := range g.tests {
				t.Run(sub.name, func(t *testing.T) { s.runOne(t, g.name+"/"+sub.name, sub) })
			}
		})
	}
	t.Run("nothing left", s.nothingLeft)
}

func newSuite(t *testing.T, cfg Config) *suite {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.NewVolume == nil {
		cfg.NewVolume = tempVolume
	}
	s := &suite{cfg: cfg, id: strings.ToLower(rand.Text()[:10])}
	ctx, cancel := context.WithTimeout(t.Context(), cfg.Timeout)
	defer cancel()
	exec := cfg.New(t)
	info, err := exec.Probe(ctx)
	if err != nil {
		t.Fatalf("Probe: %v", err)
	}
	s.info = info
	for f, a := range cfg.Features {
		if s.info.Features == nil {
			s.info.Features = map[executor.Feature]executor.Ability{}
		}
		s.info.Features[f] = a
	}
	if s.cfg.Name == "" {
		s.cfg.Name = info.Name
	}
	maker := newImageMaker(t)
	for _, want := range []struct {
		img    Image
		pinned *string
	}{
		{maker.plain(), &s.plain}, {maker.settings(), &s.settings}, {maker.bare(), &s.bare},
	} {
		img := maker.archive(t, want.img)
		ref := cfg.Load(t, img)
		got, err := exec.Resolve(ctx, executor.ImageRequest{Ref: ref})
		if err != nil {
			t.Fatalf("Resolve(%s) after Load: %v", ref, err)
		}
		*want.pinned = got.Pinned
	}
	return s
}

func (s *suite) runOne(t *testing.T, name string, sub subtest) {
	if why, ok := s.cfg.Skip[name]; ok {
		t.Skip(why)
	}
	for _, f := range sub.needs {
		s.need(t, f)
	}
	sub.run(s.newTest(t))
}

// need skips a test whose ability the executor lacks, unless KOG_TEST_REQUIRE
// demands it.
func (s *suite) need(t *testing.T, f executor.Feature) {
	if !s.info.Has(f) {
		missing(t, featureKey(s.cfg.Name, f), string(f)+" is not there: "+s.info.Features[f].Why)
	}
}

// nothingLeft is the last check: every subtest has cleaned up after itself.
func (s *suite) nothingLeft(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), s.cfg.Timeout)
	defer cancel()
	n, err := s.cfg.New(t).Sweep(ctx, s.label())
	if err != nil {
		t.Fatalf("Sweep: %v", err)
	}
	if n > 0 {
		t.Errorf("%d containers were left behind", n)
	}
	if s.cfg.Leftovers == nil {
		return
	}
	for _, left := range s.cfg.Leftovers(t) {
		t.Errorf("left behind: %s", left)
	}
}

func (s *suite) label() map[string]string { return map[string]string{"kog.test/suite": s.id} }
