package job

import "testing"

func TestNearest(t *testing.T) {
	steps := []string{"finalize", "notify", "provision", "start", "step2"}
	keys := []string{"abort", "action", "duration", "failure", "success", "timeout"}
	tests := []struct {
		name  string
		known []string
		want  string
	}{
		{"finalise", steps, "finalize"},
		{"finlaize", steps, "finalize"},
		{"Finalize", steps, "finalize"},
		{"FINALISE", steps, "finalize"},
		{"provison", steps, "provision"},
		{"stat", steps, "start"},
		{"step3", steps, "step2"},
		{"notify-all", steps, "notify"},
		{"fin", steps, "finalize"},
		{"succcess", keys, "success"},
		{"on_success", keys, "success"},
		{"time_out", keys, "timeout"},
		{"environment", []string{"env", "image"}, "env"},
		{"contextPaths", []string{"context_paths", "env"}, "context_paths"},
		{"héllo", []string{"hello"}, "hello"},
		{"run", []string{"run"}, ""},
		{"a", []string{"b", "c"}, ""},
		{"A", []string{"a", "b"}, "a"},
		{"ab", []string{"ac", "abc"}, ""},
		{"cleanup", steps, ""},
		{"", steps, ""},
		{"start", nil, ""},
		{"stepA", []string{"stepB", "stepC"}, "stepB"},
	}
	for _, tt := range tests {
		if got := nearest(tt.name, tt.known); got != tt.want {
			t.Errorf("nearest to %q in %v is %q, want %q", tt.name, tt.known, got, tt.want)
		}
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"a", "", 1},
		{"", "ab", 2},
		{"abc", "abc", 0},
		{"abc", "axc", 1},
		{"abc", "acb", 1},
		{"abc", "ab", 1},
		{"kitten", "sitting", 3},
		{"ca", "abc", 3},
		{"é", "e", 1},
	}
	for _, tt := range tests {
		if got := distance([]rune(tt.a), []rune(tt.b)); got != tt.want {
			t.Errorf("distance of %q and %q is %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
