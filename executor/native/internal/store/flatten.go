package store

// FlattenOptions say how Flatten copies.
type FlattenOptions struct {
	// Rootless copies as an ordinary user: owners are not kept.
	Rootless bool
}
