package fake

import (
	"bytes"
	"context"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Proc is what a Program sees of its container. Its methods may be called
// concurrently.
type Proc struct {
	// Spec is what the container was started with. It must not be changed.
	Spec executor.Spec
	// Image is the reference that the image was added under.
	Image string
	// Args is the whole command line.
	Args []string
	// Dir is the working directory.
	Dir      string
	UID, GID int

	Stdin io.Reader
	// Stdout and Stderr fail once the container was killed. There is no limit
	// to what they take, and nobody has to read it.
	Stdout, Stderr io.Writer

	host  *Host
	image *image
	c     *container
	// workspace is the volume of the run, if it has one.
	workspace *node
	children  sync.WaitGroup
	files     sync.Once
	fs        *FS
}

func newProc(h *Host, img *image, c *container) *Proc {
	p := &Proc{
		Spec: c.spec, Image: img.ref, Args: command(img.Config, c.spec), Dir: "/",
		Stdin: bytes.NewReader(c.spec.Stdin), host: h, image: img, c: c,
	}
	for _, dir := range []string{img.Config.WorkingDir, c.spec.WorkingDir} {
		if dir != "" {
			p.Dir = dir
		}
	}
	p.Stdout, p.Stderr = stream{c, false}, stream{c, true}
	return p
}

// Getenv gives one variable: the spec's, else the image's.
func (p *Proc) Getenv(name string) (string, bool) {
	if v, ok := p.Spec.Env[name]; ok {
		return v, true
	}
	v, ok := p.image.Config.Env[name]
	return v, ok
}

// Environ gives the whole environment as NAME=VALUE, sorted.
func (p *Proc) Environ() []string {
	all := maps.Clone(p.image.Config.Env)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, p.Spec.Env)
	list := make([]string, 0, len(all))
	for name, value := range all {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// Catch keeps SIGTERM from ending the container. From now on it is a value in
// the channel, of which at most one waits.
func (p *Proc) Catch() <-chan struct{} { return p.c.catch() }

// Go runs f beside the program, as a child process of it. f has to return when
// ctx ends: that is when the container is killed or the program returns. The
// container has not ended before f has returned.
func (p *Proc) Go(ctx context.Context, f func(ctx context.Context)) {
	p.children.Go(func() { f(ctx) })
}

// Sleep waits for d, and reports whether the container still lives.
func (p *Proc) Sleep(ctx context.Context, d time.Duration) bool {
	return sleep(ctx, d) == nil
}

// FS is the file system of the container: the files of the image, of the spec
// and its volumes. What the program writes outside of volumes ends with the
// container.
func (p *Proc) FS() *FS {
	p.files.Do(func() { p.fs = p.host.mount(p) })
	return p.fs
}

// stream is one of a container's outputs.
type stream struct {
	c      *container
	stderr bool
}

func (s stream) Write(data []byte) (int, error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.c.killedBy != "" || s.c.hasEnded() {
		return 0, io.ErrClosedPipe
	}
	s.c.output.write(s.stderr, data)
	return len(data), nil
}

// sleep waits for d or until ctx ends, and then says why.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
