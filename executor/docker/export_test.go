package docker

// Afar makes the executor one that does not see the engine's files.
func (e *Executor) Afar() { e.local = false }

// Tapped reports whether a container's output comes without its log, for its
// first reader.
func (e *Executor) Tapped(ref string) bool {
	e.taps.mu.Lock()
	defer e.taps.mu.Unlock()
	return e.taps.open[ref] != nil
}
