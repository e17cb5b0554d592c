package docker_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/moby/moby/api/types/system"

	"gitlab.com/f5-pwe/kog/v3/executor/docker"
)

func TestNearby(t *testing.T) {
	dir, root := t.TempDir(), t.TempDir()
	refusal := errors.New(`invalid mount config for type "bind": bind source path does not exist: ` + dir + "/x/0")
	for name, tc := range map[string]struct {
		dir    string
		info   system.Info
		err    error
		before bool
		after  bool
	}{
		"same machine":   {dir, system.Info{DockerRootDir: root, SecurityOptions: []string{"name=seccomp,profile=default"}}, nil, true, true},
		"refuses":        {dir, system.Info{DockerRootDir: root}, refusal, true, false},
		"other trouble":  {dir, system.Info{DockerRootDir: root}, errors.New("no space left on device"), true, true},
		"elsewhere":      {dir, system.Info{DockerRootDir: filepath.Join(root, "none")}, nil, false, false},
		"does not say":   {dir, system.Info{}, nil, false, false},
		"SELinux":        {dir, system.Info{DockerRootDir: root, SecurityOptions: []string{"name=selinux"}}, nil, false, false},
		"users":          {dir, system.Info{DockerRootDir: root, SecurityOptions: []string{"name=userns"}}, nil, false, false},
		"without folder": {"", system.Info{DockerRootDir: root}, refusal, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := docker.Nearby(tc.dir, tc.info, tc.err)
			if before != tc.before || after != tc.after {
				t.Errorf("usable: %t, then %t; want %t, then %t", before, after, tc.before, tc.after)
			}
		})
	}
}

// TestNearbyRemovesItsOwn: an engine may name a volume as it likes.
func TestNearbyRemovesItsOwn(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"in/kog-1-files", "kog-1-files", "out-files", "in/kog-2"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"kog-1-files", "kog-2", "../out-files", "..", "."} {
		if err := docker.RemoveNearby(filepath.Join(dir, "in"), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]bool{"in/kog-1-files": false, "kog-1-files": true, "out-files": true, "in/kog-2": true} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s is there: %t, want %t", name, err == nil, want)
		}
	}
}
