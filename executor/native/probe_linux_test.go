//go:build cgo

package native_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/native"
)

func TestProbe(t *testing.T) {
	needNative(t)
	dir := tempDir(t)
	e, err := native.New(native.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	info, err := e.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.Name != native.Name || !strings.HasPrefix(info.Version, "runc") {
		t.Errorf("got %+v", info)
	}
	for _, f := range []executor.Feature{
		executor.FeatureMemoryLimit, executor.FeatureCPULimit, executor.FeatureUsers, executor.FeatureNetworkNone, executor.FeatureNetworkHost,
		executor.FeatureVolumes, executor.FeatureOverlay, executor.FeatureSeccomp, executor.FeatureStdin, executor.FeatureSplitOutput,
	} {
		a, ok := info.Features[f]
		if !ok || !a.OK && a.Why == "" {
			t.Errorf("%s: %+v, %v", f, a, ok)
		}
	}
	if left := leftovers(t, dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestAsUser runs what differs for an ordinary user as one.
func TestAsUser(t *testing.T) {
	asUser(t, "^(TestInside|TestVolumes|TestStartErrors|TestNeverTwice|TestKilledShim|TestOutlives|TestLimitsNeedCgroups|TestSharedNeedsRoot|TestForeignUser|TestManyLayers|TestMountsOfTheHost|TestSecretsStayInMemory|TestProbe|TestDeviceSources|TestRefusedSettings|TestHostsAndServers)$")
}

// TestForeignUser: without root, an image that wants another user is refused
// with the reason, not started as somebody else.
func TestForeignUser(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("this is root")
	}
	f := newFixture(t)
	spec := f.spec(nextID(), "id")
	spec.User = "alice"
	_, err := f.Start(t.Context(), spec)
	if err == nil || !strings.Contains(err.Error(), `user "alice" (1000:1000)`) || !strings.Contains(err.Error(), executor.ErrUnsupported.Error()) {
		t.Errorf("%v", err)
	}
}

// TestManyLayers: 120 layers pass the page that the options of a mount have.
func TestManyLayers(t *testing.T) {
	needBusybox(t)
	layers := [][]file{busyboxFiles(t)}
	for i := range 119 {
		layers = append(layers, []file{
			{name: "layers/", mode: 0o755},
			{name: fmt.Sprintf("layers/%d", i), data: "x", mode: 0o644},
			{name: "last", data: fmt.Sprint(i), mode: 0o644},
		})
	}
	f := fixtureIn(t, tempDir(t), imageOf(t, nil, layers...))
	if r := f.script(t, "ls /layers | wc -l; cat /last"); r.stdout != "119\n118" {
		t.Errorf("%+v", r)
	}
}
