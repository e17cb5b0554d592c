package docker_test

import (
	"errors"
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
