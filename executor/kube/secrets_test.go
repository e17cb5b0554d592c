package kube

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

func contents(p *parcel) map[ref][]byte {
	all := map[ref][]byte{}
	for _, s := range p.secrets {
		for k, v := range s.Data {
			all[ref{s.Name, k}] = v
		}
	}
	return all
}

// TestPackLosesNothing: every value and file is in the Secrets as it was, and
// no Secret is larger than a cluster takes.
func TestPackLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.OneOf(rapid.IntRange(0, 100), rapid.SampledFrom([]int{secretSize - 1, secretSize, secretSize + 1, 2*secretSize + 7}))
		spec := executor.Spec{ID: "a", Env: map[string]string{}, Labels: map[string]string{"run": "1"}}
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, executor.MaxEnvString-10), 0, 12).Draw(t, "values") {
			spec.Env[fmt.Sprintf("V%d", i)] = strings.Repeat("v", n)
		}
		for i, n := range rapid.SliceOfN(sizes, 0, 4).Draw(t, "files") {
			spec.Files = append(spec.Files, executor.File{Path: fmt.Sprintf("/f%d", i), Data: bytes.Repeat([]byte{byte(i + 1)}, n)})
		}
		p, err := pack(spec)
		if err != nil {
			t.Fatal(err)
		}
		all := contents(p)
		for name, value := range spec.Env {
			if got, ok := all[p.env[name]]; !ok || string(got) != value {
				t.Fatalf("%s has %d bytes, want %d", name, len(got), len(value))
			}
		}
		for i, f := range spec.Files {
			var got []byte
			for _, r := range p.files[i] {
				got = append(got, all[r]...)
			}
			if !bytes.Equal(got, f.Data) || len(p.files[i]) == 0 {
				t.Fatalf("%s has %d bytes in %d parts, want %d", f.Path, len(got), len(p.files[i]), len(f.Data))
			}
		}
		checkSecrets(t, p)
	})
}

func checkSecrets(t *rapid.T, p *parcel) {
	for _, s := range p.secrets {
		size := 0
		for k, v := range s.Data {
			size += len(v)
			if e := validation.IsConfigMapKey(k); len(e) > 0 {
				t.Fatalf("key %s: %v", k, e)
			}
		}
		if size > corev1.MaxSecretSize {
			t.Fatalf("a Secret of %d bytes", size)
		}
		if !carries(s.Annotations, map[string]string{"run": "1"}) || s.Labels[labelStep] != "a" || s.Immutable == nil || !*s.Immutable {
			t.Fatalf("Secret %+v", s.ObjectMeta)
		}
	}
}

func TestPackedNamesAreNew(t *testing.T) {
	spec := executor.Spec{ID: strings.Repeat("a", 63), Env: map[string]string{"A": "1"}}
	var names []string
	for range 100 {
		p, err := pack(spec)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, p.names()...)
	}
	for _, n := range names {
		if e := validation.IsDNS1123Subdomain(n); len(e) > 0 {
			t.Fatalf("%s: %v", n, e)
		}
	}
	slices.Sort(names)
	if n := len(slices.Compact(names)); n != 100 {
		t.Errorf("%d of 100 names are different", n)
	}
}

func TestPackNothing(t *testing.T) {
	p, err := pack(executor.Spec{ID: "a"})
	if err != nil || len(p.secrets) != 0 {
		t.Errorf("%d Secrets, error %v", len(p.secrets), err)
	}
}

func TestPackRefusesWhatIsNotText(t *testing.T) {
	_, err := pack(executor.Spec{ID: "a", Env: map[string]string{"TOKEN": "hunter2\xff"}})
	if !errors.Is(err, executor.ErrUnsupported) || !strings.Contains(err.Error(), "TOKEN") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(fmt.Sprint(err), "hunter2") {
		t.Errorf("tells the value: %v", err)
	}
}
