package kube

import (
	"maps"
	"slices"
	"strings"
	"testing"

	apilabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"
)

// TestLabelsAreFitForACluster: whatever is given, the objects can be made, are
// found by it, and are told apart from those that were given something else.
func TestLabelsAreFitForACluster(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[a-zA-Z0-9._/-]{0,80}`), rapid.String())
		given := rapid.MapOfN(text, text, 0, 5).Draw(t, "labels")
		got := labels(given, roleStep, "an-id")
		for k, v := range got {
			if e := slices.Concat(validation.IsQualifiedName(k), validation.IsValidLabelValue(v)); len(e) > 0 {
				t.Fatalf("%q=%q: %v", k, v, e)
			}
		}
		found, err := apilabels.Parse(selector(given))
		if err != nil {
			t.Fatalf("selector %q: %v", selector(given), err)
		}
		own := given[labelRole] != "" || given[labelStep] != ""
		if !own && !found.Matches(apilabels.Set(got)) {
			t.Fatalf("%q does not find %v", selector(given), got)
		}
		if !carries(annotations(given), given) {
			t.Fatal("does not carry what it was given")
		}
		if k := rapid.SampledFrom(append(slices.Sorted(maps.Keys(given)), "x")).Draw(t, "key"); carries(annotations(given), map[string]string{k: given[k] + "more"}) {
			t.Fatalf("carries another %q", k)
		}
	})
}

func TestOwnLabelsWin(t *testing.T) {
	got := labels(map[string]string{labelRole: "other", labelStep: "other", "run": "1"}, roleStep, "a")
	if want := map[string]string{labelRole: roleStep, labelStep: "a", "run": "1"}; !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestLabelsThatDoNotFit(t *testing.T) {
	long := strings.Repeat("x", 64)
	a, b := labelValue(long), labelValue(long+"y")
	if a == b || !strings.HasPrefix(a, "x-") {
		t.Errorf("%s and %s", a, b)
	}
	if k := labelKey("has a space"); !strings.HasPrefix(k, "io.kog/x-") {
		t.Error(k)
	}
	if labelKey("io.kog/run") != "io.kog/run" || labelValue("v1.2") != "v1.2" {
		t.Error("what fits is changed")
	}
}

func TestCarries(t *testing.T) {
	given := annotations(map[string]string{"run": "1", "empty": ""})
	for _, test := range []struct {
		annotations, want map[string]string
		yes               bool
	}{
		{given, map[string]string{"run": "1"}, true},
		{given, map[string]string{"run": "1", "empty": ""}, true},
		{given, map[string]string{"run": "2"}, false},
		{given, map[string]string{"other": ""}, false},
		{annotations(nil), map[string]string{"run": "1"}, false},
		{nil, map[string]string{"run": "1"}, false},
		{map[string]string{annotationLabels: "{"}, nil, false},
	} {
		if got := carries(test.annotations, test.want); got != test.yes {
			t.Errorf("%v carries %v: %v", test.annotations, test.want, got)
		}
	}
}
