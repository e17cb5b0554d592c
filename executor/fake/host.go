// Package fake is an executor in memory: its containers are Go functions.
//
// A Host is the engine. It outlives its clients as a daemon outlives the
// programs that call it, so a test drops one client, makes another and finds
// the containers again. Nothing here does I/O, and all waiting is on channels
// and timers: inside a testing/synctest bubble time is virtual.
//
//	host := fake.NewHost()
//	defer host.Close()
//	host.AddImage("tool:1", fake.Image{Program: func(ctx context.Context, p *fake.Proc) executor.Exit {
//		fmt.Fprintln(p.Stdout, "hello")
//		return executor.Exit{}
//	}})
//	proc, err := host.Executor().Start(ctx, executor.Spec{ID: "c1", Image: "tool:1"})
package fake

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Name is the executor's name in handles and in Info.
const Name = "fake"

// Host is the engine that holds images and containers. Its methods may be
// called concurrently. Close it at the end: it owns a goroutine for each
// container that runs.
type Host struct {
	mu         sync.Mutex
	images     map[string]*image // by reference and by pinned reference
	registry   map[string]*image // what Publish offers
	fallback   *Image
	digests    int
	containers map[string]*container
	sandboxes  map[string]map[string]string // labels by ID
	workspaces map[string]workspace
	faults     []*Fault
	recording  bool
	executions []Execution
	closed     bool

	running sync.WaitGroup

	filesMu sync.Mutex
	files   *node
}

// NewHost gives an engine without images and containers.
func NewHost() *Host {
	return &Host{
		images:     map[string]*image{},
		registry:   map[string]*image{},
		containers: map[string]*container{},
		sandboxes:  map[string]map[string]string{},
		workspaces: map[string]workspace{},
		recording:  true,
		files:      newDir(),
	}
}

// Close kills every container and waits until their programs have returned.
// From then on the host is not reachable.
func (h *Host) Close() {
	h.mu.Lock()
	h.closed = true
	all := slices.Collect(maps.Values(h.containers))
	clear(h.containers)
	h.mu.Unlock()
	for _, c := range all {
		c.kill(sigKill)
		c.vanish()
	}
	h.running.Wait()
}

// Execution is one time that a container's program was begun.
type Execution struct {
	ID     string
	Image  string // the reference that the image was added under
	Labels map[string]string
	At     time.Time
}

// Record switches the log of executions, which is on at first and grows by one
// entry for each. What it holds already stays.
func (h *Host) Record(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.recording = on
}

// Executions gives the log, oldest first.
func (h *Host) Executions() []Execution {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.executions)
}

// Executed says how often the log has a container ID.
func (h *Host) Executed(id string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, e := range h.executions {
		if e.ID == id {
			n++
		}
	}
	return n
}

// Repeated gives the IDs that the log has more than once, sorted. After a run
// it has to be empty: no step is started twice.
func (h *Host) Repeated() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	count := make(map[string]int, len(h.executions))
	for _, e := range h.executions {
		count[e.ID]++
	}
	maps.DeleteFunc(count, func(_ string, n int) bool { return n < 2 })
	return slices.Sorted(maps.Keys(count))
}

// Left gives the IDs of the containers that exist, running or ended, and those
// of the sandboxes and workspaces, sorted.
func (h *Host) Left() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := slices.Collect(maps.Keys(h.sandboxes))
	ids = slices.AppendSeq(ids, maps.Keys(h.workspaces))
	for id, c := range h.containers {
		if !c.isGone() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Lose makes a container vanish as if its machine had died: it is gone, how it
// ended is not known, and its ID cannot be started until it was removed. It
// reports whether there was one.
func (h *Host) Lose(id string) bool {
	h.mu.Lock()
	c := h.containers[id]
	h.mu.Unlock()
	if c == nil || c.isGone() {
		return false
	}
	c.vanish()
	c.kill(sigKill)
	return true
}

// Signal sends a signal to a container as somebody from outside would. SIGTERM
// follows what the program asked for, any other ends it. It reports whether
// the container was running.
func (h *Host) Signal(id, name string) bool {
	h.mu.Lock()
	c := h.containers[id]
	h.mu.Unlock()
	if c == nil || c.hasEnded() {
		return false
	}
	if name == sigTerm {
		c.terminate()
	} else {
		c.kill(name)
	}
	return true
}

// Files is the file system of the host, where bind volumes live. Directories
// that a volume names are made when a container starts.
func (h *Host) Files() *FS { return &FS{mu: &h.filesMu, root: h.files} }
