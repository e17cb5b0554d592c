package docker

// Afar makes the executor one that does not see the engine's files.
func (e *Executor) Afar() { e.local = false }
