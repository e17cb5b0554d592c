package executor_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

func goodSpec() executor.Spec {
	return executor.Spec{
		ID: "kog-1", Image: "busybox:1", Args: []string{"a", ""}, Env: map[string]string{"A": "1", "B.c-d": ""},
		WorkingDir: "/work", Network: "none", Memory: 1 << 20, CPUs: 0.5,
		Files:   []executor.File{{Path: "/run/kog/context.json"}},
		Volumes: []executor.Volume{{Source: "/x", Target: "/data"}},
		Labels:  map[string]string{"io.kog/run": "x=y"},
	}
}

func TestSpecCheck(t *testing.T) {
	const secret = "hunter2"
	tests := []struct {
		name   string
		change func(*executor.Spec)
		want   string // part of the error; empty for none
		is     error
	}{
		{"good", func(*executor.Spec) {}, "", nil},
		{"longest ID", func(s *executor.Spec) { s.ID = strings.Repeat("a", 63) }, "", nil},
		{"one letter", func(s *executor.Spec) { s.ID = "a" }, "", nil},
		{"no ID", func(s *executor.Spec) { s.ID = "" }, `container ID ""`, nil},
		{"long ID", func(s *executor.Spec) { s.ID = strings.Repeat("a", 64) }, "want 1 to 63", nil},
		{"upper case ID", func(s *executor.Spec) { s.ID = "Kog" }, "lower-case", nil},
		{"dash at the end", func(s *executor.Spec) { s.ID = "kog-" }, "container ID", nil},
		{"path as ID", func(s *executor.Spec) { s.ID = "../kog" }, "container ID", nil},
		{"newline in ID", func(s *executor.Spec) { s.ID = "kog\n" }, "container ID", nil},
		{"no image", func(s *executor.Spec) { s.Image = "" }, "container kog-1: no image", nil},
		{"NUL in argument", func(s *executor.Spec) { s.Args = []string{"a\x00"} }, "NUL", nil},
		{"NUL in entrypoint", func(s *executor.Spec) { s.Entrypoint = []string{"\x00"} }, "NUL", nil},
		{"relative directory", func(s *executor.Spec) { s.WorkingDir = "work" }, `working directory "work"`, nil},
		{"empty env name", func(s *executor.Spec) { s.Env[""] = secret }, `environment name ""`, nil},
		{"equals in env name", func(s *executor.Spec) { s.Env["A=B"] = secret }, `environment name "A=B"`, nil},
		{"NUL in env value", func(s *executor.Spec) { s.Env["A"] = secret + "\x00" }, "environment variable A", nil},
		{"longest env", func(s *executor.Spec) { s.Env["A"] = strings.Repeat("x", executor.MaxEnvString-2) }, "", nil},
		{
			"too long env", func(s *executor.Spec) { s.Env["A"] = strings.Repeat("x", executor.MaxEnvString-1) },
			"environment variable A: 131072 bytes", executor.ErrEnvTooLarge,
		},
		{"relative file", func(s *executor.Spec) { s.Files[0].Path = "x" }, `file path "x"`, nil},
		{"unclean file", func(s *executor.Spec) { s.Files[0].Path = "/a/../b" }, "want a clean absolute path", nil},
		{"root as file", func(s *executor.Spec) { s.Files[0].Path = "/" }, "want a clean absolute path", nil},
		{"file twice", func(s *executor.Spec) { s.Files = append(s.Files, s.Files[0]) }, "is used twice", nil},
		{"file over volume", func(s *executor.Spec) { s.Files[0].Path = "/data" }, "is used twice", nil},
		{"relative volume", func(s *executor.Spec) { s.Volumes[0].Target = "data" }, `volume path "data"`, nil},
		{"unknown network", func(s *executor.Spec) { s.Network = "to the moon" }, `network "to the moon"`, nil},
		{"negative memory", func(s *executor.Spec) { s.Memory = -1 }, "memory limit of -1", nil},
		{"negative cpus", func(s *executor.Spec) { s.CPUs = -1 }, "cpu limit of -1", nil},
		{"no number of cpus", func(s *executor.Spec) { s.CPUs = math.NaN() }, "cpu limit of NaN", nil},
		{"endless cpus", func(s *executor.Spec) { s.CPUs = math.Inf(1) }, "cpu limit of +Inf", nil},
		{"empty label", func(s *executor.Spec) { s.Labels[""] = "x" }, `label name ""`, nil},
		{"equals in label", func(s *executor.Spec) { s.Labels["a=b"] = "x" }, `label name "a=b"`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := goodSpec()
			tt.change(&s)
			err := s.Check()
			switch {
			case tt.want == "":
				if err != nil {
					t.Fatalf("Check() = %v, want nil", err)
				}
				return
			case err == nil || !strings.Contains(err.Error(), tt.want):
				t.Fatalf("Check() = %v, want an error with %q", err, tt.want)
			case tt.is != nil && !errors.Is(err, tt.is):
				t.Errorf("Check() = %v, does not match %v", err, tt.is)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("Check() = %v, tells the value of a variable", err)
			}
		})
	}
}

func TestEnvTooLargeTellsNameAndSize(t *testing.T) {
	s := goodSpec()
	s.Env["BIG"] = strings.Repeat("x", executor.MaxEnvString)
	got, ok := errors.AsType[*executor.EnvTooLargeError](s.Check())
	if !ok || got.Name != "BIG" || got.Size != executor.MaxEnvString+4 {
		t.Errorf("Check() gives %+v, want BIG with %d bytes", got, executor.MaxEnvString+4)
	}
}

func TestParsePullPolicy(t *testing.T) {
	for _, good := range []string{"", "always", "missing", "never"} {
		if p, err := executor.ParsePullPolicy(good); err != nil || string(p) != good {
			t.Errorf("ParsePullPolicy(%q) = %q, %v", good, p, err)
		}
	}
	if _, err := executor.ParsePullPolicy("Always"); err == nil {
		t.Error("ParsePullPolicy(Always) gives no error")
	}
}

func TestInfoHas(t *testing.T) {
	i := executor.Info{Features: map[executor.Feature]executor.Ability{
		executor.FeatureStdin: {OK: true}, executor.FeatureUsers: {Why: "one user only"},
	}}
	for f, want := range map[executor.Feature]bool{
		executor.FeatureStdin: true, executor.FeatureUsers: false, executor.FeatureVolumes: false,
	} {
		if i.Has(f) != want {
			t.Errorf("Has(%s) = %v, want %v", f, i.Has(f), want)
		}
	}
}
