package fake_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
)

func TestFilePermissions(t *testing.T) {
	host := fake.NewHost()
	t.Cleanup(host.Close)
	checks := func(uid int) map[string]error {
		got := map[string]error{}
		host.AddImage("x:1", fake.Image{
			Files: map[string][]byte{"/etc/conf": []byte("text")},
			Dirs:  []fake.Dir{{Path: "/tmp", Mode: 0o777}, {Path: "/secret", Mode: 0o700}},
			Program: func(_ context.Context, p *fake.Proc) executor.Exit {
				f := p.FS()
				_, got["read"] = f.ReadFile("/etc/conf")
				got["change"] = f.WriteFile("/etc/conf", nil)
				got["create"] = f.WriteFile("/etc/new", nil)
				got["tmp"] = f.AppendFile("/tmp/new", []byte("x"))
				got["own"] = f.AppendFile("/tmp/new", []byte("y"))
				got["into secret"] = f.WriteFile("/secret/x", nil)
				got["given"] = f.WriteFile("/given", nil)
				_, got["missing"] = f.ReadFile("/none/here")
				_, got["directory"] = f.ReadFile("/etc")
				_, got["below a file"] = f.ReadFile("/etc/conf/x")
				got["again"] = f.Mkdir("/tmp")
				return executor.Exit{}
			},
		})
		s := executor.Spec{ID: "c", Image: "x:1", Files: []executor.File{{Path: "/given"}}}
		if uid != 0 {
			s.User = "77"
		}
		p := start(t, host.Executor(), s)
		wantCode(t, p, 0)
		if err := p.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
		return got
	}
	denied := map[int][]string{0: {"given"}, 77: {"given", "change", "create", "into secret"}}
	for uid, names := range denied {
		want := map[string]error{"missing": fs.ErrNotExist, "again": fs.ErrExist}
		for _, name := range names {
			want[name] = fs.ErrPermission
		}
		for name, err := range checks(uid) {
			switch {
			case name == "directory" || name == "below a file":
				if err == nil {
					t.Errorf("uid %d: %s gives no error", uid, name)
				}
			case !errors.Is(err, want[name]):
				t.Errorf("uid %d: %s gives %v, want %v", uid, name, err, want[name])
			}
		}
	}
}

func TestVolumesOfTheHost(t *testing.T) {
	host := fake.NewHost()
	t.Cleanup(host.Close)
	host.AddImage("x:1", fake.Image{Program: func(_ context.Context, p *fake.Proc) executor.Exit {
		if p.FS().WriteFile("/data/out", []byte("x")) != nil {
			return executor.Exit{Code: 1}
		}
		return executor.Exit{}
	}})
	for i, source := range []string{"/made/by/the/volume", "named", ""} {
		s := executor.Spec{ID: "c" + string(rune('0'+i)), Image: "x:1", Volumes: []executor.Volume{{Source: source, Target: "/data"}}}
		wantCode(t, start(t, host.Executor(), s), 0)
	}
	for _, name := range []string{"/made/by/the/volume/out", "/volumes/named/out"} {
		if data, err := host.Files().ReadFile(name); err != nil || string(data) != "x" {
			t.Errorf("%s has %q, %v", name, data, err)
		}
	}
}
