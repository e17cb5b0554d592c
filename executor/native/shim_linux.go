//go:build cgo

package native

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"
)

// shim is the process beside a container.
type shim struct {
	request
	blobs *bufio.Reader // the files' content
	// private is a tmpfs of the shim's own; it is gone with it.
	private string
	view    cgroupView
	self    shimRecord
	user    containerUser
	rootfs  string

	container *libcontainer.Container
	process   *libcontainer.Process
	// out and failure are this side's ends of the container's pipes.
	out     [2]*os.File
	failure *os.File
	started time.Time
	bell    ringer
}

// Folders in the private tmpfs.
const (
	privateState  = "state"
	privateRootfs = "rootfs"
	privateFiles  = "files"
	privateShared = "shared"
)

func (s *shim) privatePath(elem ...string) string {
	return filepath.Join(append([]string{s.private}, elem...)...)
}

// shimGC is how much garbage a shim may make, in percent of what it uses: it
// does most of its work once, and should be quick about it.
const shimGC = 400

// shimMain is the whole life of a shim; it returns the exit code, which nobody
// looks at.
func shimMain() int {
	// Every signal is caught, so that none that was meant for somebody else ends
	// the shim, and the container's program starts with the default actions.
	debug.SetGCPercent(shimGC)
	unix.Umask(0o022) // whatever the caller's is: all users of the container must be able to read what is made for them
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	for _, fd := range []int{fdRequest, fdReply, fdLock, fdStdin} {
		unix.CloseOnExec(fd)
	}
	answer := os.NewFile(fdReply, "reply")
	s, err := newShim()
	if err == nil {
		err = s.start()
	}
	if err != nil {
		if s != nil {
			err = errors.Join(err, s.undo())
		}
		_ = say(answer, err) // a parent that is gone does not mind
		return 1
	}
	_ = say(answer, nil)
	s.bell = newRinger(answer)
	if err := s.run(signals); err != nil {
		fmt.Fprintln(os.Stderr, "kog:", err)
		return 1
	}
	return 0
}

// say answers the parent.
func say(to *os.File, err error) error {
	data, merr := json.Marshal(newReply(err))
	if merr != nil {
		return merr
	}
	_, werr := to.Write(append(data, '\n'))
	return werr
}

func newShim() (*shim, error) {
	packed := os.NewFile(fdRequest, "request")
	req, blobs, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	s := &shim{request: req, blobs: blobs, private: req.Folder.path(dirPrivate)}
	// The host's /proc is still mounted and knows this process by the host's number.
	if s.self, err = whoAmI(); err != nil {
		return nil, err
	}
	return s, nil
}

// start does everything up to executing the command.
func (s *shim) start() error {
	if err := s.enter(); err != nil {
		return err
	}
	if err := s.writeSelf(); err != nil {
		return err
	}
	var err error
	if s.rootfs, err = s.mountRootfs(); err != nil {
		return err
	}
	if s.user, err = lookUpUser(s.rootfs, s.User); err != nil {
		return err
	}
	if err := s.checkUser(); err != nil {
		return err
	}
	config, err := s.config(s.rootfs)
	if err != nil {
		return err
	}
	if err := s.create(config); err != nil {
		return err
	}
	if err := s.mark(); err != nil {
		return err
	}
	return s.execute()
}

// mark makes durable that the command may have been executed from now on.
func (s *shim) mark() error {
	s.started = time.Now()
	f, err := os.OpenFile(s.Folder.path(fileStarted), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.Name(), err)
	}
	return errors.Join(syncDir(string(s.Folder)), syncDir(filepath.Dir(string(s.Folder))))
}

// execute lets the container's first process execute the command, and says
// whether it did.
func (s *shim) execute() error {
	if err := s.container.Exec(); err != nil {
		return fmt.Errorf("execute %q: %w", s.Command[0], err)
	}
	failure, err := io.ReadAll(s.failure)
	if err != nil {
		return fmt.Errorf("hear from the container's first process: %w", err)
	}
	if len(failure) > 0 {
		return s.explainExec(failure)
	}
	return s.failure.Close()
}

// undo takes back a start that has failed: the command was not executed, and
// the folder must not say that it was.
func (s *shim) undo() error {
	if s.container != nil {
		_ = s.container.Signal(unix.SIGKILL)
		if s.process != nil {
			_, _ = s.process.Wait()
		}
		if err := s.container.Destroy(); err != nil {
			return err
		}
	}
	err := os.Remove(s.Folder.path(fileStarted))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// whoAmI is this process as /proc knows it.
func whoAmI() (shimRecord, error) {
	var r shimRecord
	name, err := os.Readlink("/proc/self")
	if err != nil {
		return r, err
	}
	if _, err := fmt.Sscanf(name, "%d", &r.PID); err != nil {
		return r, fmt.Errorf("/proc/self is %q: %w", name, err)
	}
	r.Start, err = startTime("self")
	return r, err
}

// writeSelf lets other processes find this one.
func (s *shim) writeSelf() error {
	return writeJSON(s.Folder, fileShim, s.self)
}

// writeJSON writes a file of the folder whole or not at all.
func writeJSON(f folder, name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tmp := f.path("." + name)
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, f.path(name))
}
