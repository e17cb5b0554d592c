package journal

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync makes the data of a file durable, and as much of its metadata as
// reading it back takes.
func datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}
