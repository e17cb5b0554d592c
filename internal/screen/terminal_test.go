package screen

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func TestOpenRefusesWhatIsNoTerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, w := range []io.Writer{io.Discard, file} {
		if _, err := Open(w, lookup(map[string]string{"TERM": "xterm"})); err == nil || !strings.Contains(err.Error(), "no terminal") {
			t.Errorf("%T: error %v", w, err)
		}
	}
}

func TestCharacterSet(t *testing.T) {
	for _, tc := range []struct {
		env  map[string]string
		goos string
		want bool
	}{
		{nil, "linux", false},
		{nil, "windows", true},
		{map[string]string{"LANG": "C.UTF-8"}, "linux", true},
		{map[string]string{"LANG": "de_DE.utf8"}, "darwin", true},
		{map[string]string{"LANG": "C.UTF-8", "LC_ALL": "C"}, "linux", false},
		{map[string]string{"LANG": "C", "LC_CTYPE": "en_US.UTF-8", "LC_ALL": ""}, "linux", true},
	} {
		if got := showsUnicode(tc.goos, lookup(tc.env)); got != tc.want {
			t.Errorf("%s %v: %v, want %v", tc.goos, tc.env, got, tc.want)
		}
	}
}

// A process that was stopped for a while does not know where its cursor is.
func TestAboveAfterAStop(t *testing.T) {
	now := time.Now()
	s := &Screen{drawn: []int{3, 12}, last: now}
	for later, want := range map[time.Duration]int{time.Second: 3, away: 3, 2 * away: 0} {
		if got := s.above(now.Add(later), Size{Width: 10, Height: 5}); got != want {
			t.Errorf("after %s: %d rows, want %d", later, got, want)
		}
	}
}
