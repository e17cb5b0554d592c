//go:build cgo

package native_test

import (
	"errors"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

func TestLimits(t *testing.T) {
	f := newFixture(t)
	needFeature(t, f, executor.FeatureMemoryLimit)
	needFeature(t, f, executor.FeatureCPULimit)
	const read = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max"
	spec := f.spec(nextID(), read)
	spec.Memory, spec.CPUs = 64<<20, 0.25
	r := f.run(t, spec)
	if r.stdout != "67108864\n25000\n" && r.stdout != "67108864\n25000 100000\n" {
		t.Errorf("%+v", r)
	}
}

func TestOutOfMemory(t *testing.T) {
	f := newFixture(t)
	needFeature(t, f, executor.FeatureMemoryLimit)
	for _, tt := range []struct {
		name, script string
		memory       int64
		killed       bool
		code         int
	}{
		{"too much", "exec dd if=/dev/zero of=/dev/null bs=256M count=1", 32 << 20, true, 137},
		{"too much in a child", "dd if=/dev/zero of=/dev/null bs=256M count=1; exit 5", 32 << 20, true, 5},
		{"got over it", "dd if=/dev/zero of=/dev/null bs=256M count=1; exit 0", 32 << 20, false, 0},
		{"enough", "exec dd if=/dev/zero of=/dev/null bs=16M count=1", 64 << 20, false, 0},
		{"killed by itself", "sh -c 'kill -9 $$'; exit 137", 64 << 20, false, 137},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := f.spec(nextID(), tt.script)
			spec.Memory = tt.memory
			r := f.run(t, spec)
			if r.OOMKilled != tt.killed || r.Code != tt.code {
				t.Errorf("got %+v; stderr: %s", r.Exit, r.stderr)
			}
		})
	}
}

// TestLimitsNeedCgroups: a limit that cannot be enforced is refused.
func TestLimitsNeedCgroups(t *testing.T) {
	f := newFixture(t)
	info, err := f.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for feature, change := range map[executor.Feature]func(*executor.Spec){
		executor.FeatureMemoryLimit: func(s *executor.Spec) { s.Memory = 64 << 20 },
		executor.FeatureCPULimit:    func(s *executor.Spec) { s.CPUs = 1 },
	} {
		if info.Has(feature) {
			continue
		}
		spec := f.spec(nextID(), "true")
		change(&spec)
		if _, err := f.Start(t.Context(), spec); !errors.Is(err, executor.ErrUnsupported) {
			t.Errorf("%s: %v", feature, err)
		}
	}
}
