package journal_test

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// mount puts a small file system on a folder until the test ends.
func mount(t *testing.T, dir string, size int) {
	t.Helper()
	if err := unix.Mount("kog-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}
