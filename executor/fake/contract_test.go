package fake_test

import (
	"context"
	"errors"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
	"gitlab.com/f5-pwe/kog/v3/executor/executortest/probe"
	"gitlab.com/f5-pwe/kog/v3/executor/fake"
)

func TestContract(t *testing.T) {
	host := fake.NewHost()
	t.Cleanup(host.Close)
	executortest.Run(t, config(host))
}

// config reaches a host.
func config(host *fake.Host) executortest.Config {
	volumes := 0
	return executortest.Config{
		New: func(*testing.T) executor.Executor { return host.Executor() },
		Load: func(_ *testing.T, img executortest.Image) string {
			host.AddImage(img.Tag, imageOf(img))
			return img.Tag
		},
		NewVolume: func(t *testing.T) executortest.HostDir {
			volumes++
			dir := hostDir{host.Files(), "/volumes/" + string(rune('a'+volumes))}
			if err := dir.files.MkdirAll(dir.path, 0o777); err != nil {
				t.Fatal(err)
			}
			return dir
		},
		Leftovers:    func(*testing.T) []string { return host.Left() },
		TellsSignals: true,
		// These settings are the program's own business here.
		Skip: map[string]string{
			"isolation/capabilities":        "the fake has no capabilities",
			"isolation/privileged":          "the fake has no capabilities",
			"isolation/devices":             "the fake has no devices",
			"isolation/device permissions":  "the fake has no devices",
			"isolation/tmpfs size":          "the fake has no sizes",
			"isolation/shared memory":       "the fake has no sizes",
			"isolation/init":                "the fake has no processes",
			"isolation/init passes signals": "the fake has no processes",
		},
	}
}

// imageOf makes executables of the suite's images run the probe in process.
func imageOf(img executortest.Image) fake.Image {
	out := fake.Image{Config: img.Config, Programs: map[string]fake.Program{}, Files: map[string][]byte{}}
	for _, f := range img.Files {
		switch {
		case f.Mode.IsDir():
			out.Dirs = append(out.Dirs, fake.Dir{Path: f.Path, Mode: f.Mode})
		case f.Mode&0o111 != 0:
			out.Programs[f.Path] = runProbe
		default:
			out.Files[f.Path] = f.Data
		}
	}
	return out
}

type hostDir struct {
	files *fake.FS
	path  string
}

func (d hostDir) Source() string { return d.path }

func (d hostDir) ReadFile(name string) ([]byte, error) {
	return d.files.ReadFile(d.path + "/" + name)
}

func (d hostDir) WriteFile(name string, data []byte) error {
	return d.files.WriteFile(d.path+"/"+name, data)
}

// runProbe is the probe as a program of the fake.
func runProbe(ctx context.Context, p *fake.Proc) executor.Exit {
	k := &kernel{ctx: ctx, p: p}
	code := probe.Main(ctx, k.proc(p.Args))
	if k.exit != nil {
		return *k.exit
	}
	return executor.Exit{Code: code}
}

// files is the file system of a container. It has no devices and no sizes.
type files struct{ *fake.FS }

func (f files) Open(name string, _ bool) error {
	_, err := f.Mode(name)
	return err
}

func (f files) Size(string) (int64, error) { return 0, errors.New("the fake has no sizes") }

// kernel is that of one container, with the life of its program.
type kernel struct {
	ctx  context.Context
	p    *fake.Proc
	exit *executor.Exit // set by Die and Grow
}

func (k *kernel) proc(args []string) *probe.Proc {
	return &probe.Proc{
		Args: args, Env: k.p.Environ(), Dir: k.p.Dir, UID: k.p.UID, GID: k.p.GID,
		Stdin: k.p.Stdin, Stdout: k.p.Stdout, Stderr: k.p.Stderr, FS: files{k.p.FS()}, Kernel: k,
	}
}

func (k *kernel) Catch() <-chan struct{} { return k.p.Catch() }

func (k *kernel) Die(signal string) error {
	exit := fake.SignalExit(signal)
	k.exit = &exit
	return errors.New("killed")
}

func (k *kernel) Grow(bytes int64) error {
	if k.p.Spec.Memory == 0 || bytes <= k.p.Spec.Memory {
		return nil
	}
	exit := fake.SignalExit("SIGKILL")
	exit.OOMKilled = true
	k.exit = &exit
	return errors.New("out of memory")
}

func (k *kernel) PID() int { return 1 }

var errNoProcesses = errors.New("the fake has no processes")

func (k *kernel) Orphan(context.Context) error { return errNoProcesses }

func (k *kernel) Abandon() (int, error) { return 0, errNoProcesses }

func (k *kernel) Spawn(args ...string) error {
	child := &kernel{ctx: k.ctx, p: k.p}
	k.p.Go(k.ctx, func(ctx context.Context) {
		probe.Main(ctx, child.proc(append([]string{k.p.Args[0]}, args...)))
	})
	return nil
}
