//go:build cgo

package native

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/native/internal/store"
)

// Executor runs containers without a daemon; see the package comment. Its
// methods may be called concurrently.
type Executor struct {
	containers string // the folder of the containers' folders
	log        *slog.Logger
	// rootless: the shim needs a user namespace to be allowed what it does.
	rootless bool
	// copy makes root file systems by copying, even where overlayfs can be used.
	copy bool
	// open opens the store, once, when it is first needed: an executor that is
	// only asked whether it can be used leaves nothing behind.
	open func() (*store.Store, error)

	mu sync.Mutex
	// children are shims that this process has started and not yet reaped.
	children map[folder]*child
}

var _ executor.Executor = (*Executor)(nil)

// New makes an executor. It does little and touches nothing: whether containers
// can be run is what Probe says. An error means that o.Dir is empty or cannot
// be made absolute.
func New(o Options) (*Executor, error) {
	if o.Dir == "" {
		return nil, errors.New("native executor: no folder")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("native executor: %w", err)
	}
	dir = withoutLinks(dir)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	rootless := !mayMount()
	return &Executor{
		containers: filepath.Join(dir, "containers"),
		log:        o.Logger,
		rootless:   rootless,
		children:   map[folder]*child{},
		open: sync.OnceValues(func() (*store.Store, error) {
			return store.Open(filepath.Join(dir, "images"), store.Options{Logger: o.Logger, Rootless: rootless, Builtin: o.Builtin})
		}),
	}, nil
}

// withoutLinks gives a folder, which need not exist, the one name that all
// processes agree on.
func withoutLinks(dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real
	}
	if parent := filepath.Dir(dir); parent != dir {
		return filepath.Join(withoutLinks(parent), filepath.Base(dir))
	}
	return dir
}

// mayMount reports whether this process is the machine's root with
// CAP_SYS_ADMIN, which root in a container of somebody else often is not.
func mayMount() bool {
	if os.Geteuid() != 0 || inUserNamespace() {
		return false
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// Resolve makes an image available in the executor's own store; see
// executor.Executor. It reads references to registries, "oci:DIR",
// "oci-archive:FILE", "docker-archive:FILE" and "builtin:NAME".
func (e *Executor) Resolve(ctx context.Context, req executor.ImageRequest) (executor.Image, error) {
	s, err := e.open()
	if err != nil {
		return executor.Image{}, err
	}
	return s.Resolve(ctx, req)
}

// Attach finds a container that was started before.
func (e *Executor) Attach(ctx context.Context, h executor.Handle) (executor.Process, error) {
	if h.Executor != Name {
		return nil, fmt.Errorf("attach to container %s: its executor is %q, this is %s: %w", h.ID, h.Executor, Name, executor.ErrNotFound)
	}
	if err := (executor.Spec{ID: h.ID, Image: "-"}).Check(); err != nil { // the ID becomes a path
		return nil, fmt.Errorf("attach: %w: %w", err, executor.ErrNotFound)
	}
	p := e.process(h.ID)
	now, err := p.settled(ctx)
	if err != nil {
		return nil, fmt.Errorf("attach to container %s: %w", h.ID, err)
	}
	if now != running && now != ended {
		return nil, fmt.Errorf("attach to container %s: %w", h.ID, executor.ErrNotFound)
	}
	return p, nil
}

// Sweep stops and removes every container that carries all the labels, those
// included whose start was never completed or whose shim died, and says how
// many it were. It also removes what crashed processes left half made or half
// removed. Containers that cannot be removed are in the error, joined.
func (e *Executor) Sweep(ctx context.Context, labels map[string]string) (int, error) {
	if len(labels) == 0 {
		return 0, errors.New("sweep containers: at least one label is needed")
	}
	if ctx.Err() != nil {
		return 0, fmt.Errorf("sweep containers: %w", context.Cause(ctx))
	}
	entries, err := os.ReadDir(e.containers)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("sweep containers: %w", err)
	}
	swept, failed := 0, []error(nil)
	for _, entry := range entries {
		f := folder(filepath.Join(e.containers, entry.Name()))
		if ctx.Err() != nil {
			return swept, errors.Join(append(failed, fmt.Errorf("sweep containers: %w", context.Cause(ctx)))...)
		}
		if !isContainer(entry.Name()) {
			failed = append(failed, clearAway(f))
			continue
		}
		m, err := f.meta()
		if errors.Is(err, fs.ErrNotExist) || err == nil && !m.matches(labels) {
			continue
		}
		if err == nil {
			err = e.process(f.id()).Remove(ctx)
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		swept++
	}
	return swept, errors.Join(failed...)
}

func (e *Executor) process(id string) *process {
	return &process{exec: e, folder: folder(filepath.Join(e.containers, id))}
}

// child is a shim that this process has started.
type child struct {
	process *os.Process
	bell    bell
}

func (e *Executor) addChild(f folder, c *child) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.children[f] = c
}

// bell is the bell of a shim that this process has started, or nil.
func (e *Executor) bell(f folder) *bell {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.children[f]; c != nil {
		return &c.bell
	}
	return nil
}

// reap waits for a shim that this process has started and that has ended, or is
// about to.
func (e *Executor) reap(f folder) {
	e.mu.Lock()
	c := e.children[f]
	delete(e.children, f)
	e.mu.Unlock()
	if c == nil {
		return
	}
	_, err := c.process.Wait()
	if err := errors.Join(err, c.bell.pipe.Close()); err != nil {
		e.log.Debug("shim not reaped", "container", f.id(), "error", err)
	}
}
