//go:build cgo

package native

import "path/filepath"

// CgroupPrefix begins the names of all cgroups of an executor's containers.
func CgroupPrefix(dir string) string { return cgroupPrefix(filepath.Join(dir, "containers")) }

// ForceCopy makes an executor copy root file systems as if there were no overlayfs.
func ForceCopy(e *Executor) { e.copy = true }
