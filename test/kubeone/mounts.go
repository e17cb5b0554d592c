package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// Folders that the parts use whatever they are told. The cluster has others
// mounted over them, in its own mount namespace.
var privateFolders = []string{
	"/run/containerd",     // sockets of shims, state of runc
	"/tmp/hostpath_pv",    // volumes of kube-controller-manager's host-path provisioner
	"/var/lib/cni",        // results of CNI plugins
	"/var/lib/kubelet",    // sockets of the kubelet's device manager
	"/var/log/containers", // the kubelet's links to logs
}

// Kernel settings that the kubelet and the bridge plugin would change for the
// whole machine: in the cluster's mount namespace, these are plain files.
var privateSettings = []string{
	"/proc/sys/kernel/keys/root_maxbytes",
	"/proc/sys/kernel/keys/root_maxkeys",
	"/proc/sys/kernel/panic",
	"/proc/sys/kernel/panic_on_oops",
	"/proc/sys/vm/overcommit_memory",
	"/proc/sys/vm/panic_on_oom",
}

// enter makes the state folder and begins this program anew, as the same
// process, in a mount namespace of its own. It returns only if that fails.
func (c *cluster) enter() (err error) {
	if c.dir == "" {
		c.dir, err = os.MkdirTemp("", "kubeone-")
	} else {
		err = os.Mkdir(c.dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("the state folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(c.dir)) }()
	if err := c.resolveDir(); err != nil {
		return err
	}
	if err := os.Mkdir(c.path("pid"), 0o755); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// The new program has the namespaces of the thread that begins it.
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return fmt.Errorf("a mount namespace: %w", err)
	}
	// Mounts of the machine appear in here, but not the other way round.
	for _, flags := range []uintptr{syscall.MS_REC | syscall.MS_SLAVE, syscall.MS_REC | syscall.MS_SHARED} {
		if err := syscall.Mount("", "/", "", flags, ""); err != nil {
			return fmt.Errorf("a mount namespace: %w", err)
		}
	}
	return fmt.Errorf("%s: %w", self, syscall.Exec(self, os.Args, append(os.Environ(), markVariable+"="+c.dir)))
}

// resolveDir makes the path of the state folder the one that the kernel shows.
func (c *cluster) resolveDir() error {
	dir, err := filepath.EvalSymlinks(c.dir)
	if err != nil {
		return err
	}
	c.dir, err = filepath.Abs(dir)
	return err
}

// ownMounts mounts folders and files of the cluster over those that it would
// share with the machine. Locks on the folders say that they are in use.
func (c *cluster) ownMounts() error {
	for _, dir := range privateFolders {
		f, err := holdFolder(dir)
		if err != nil {
			return err
		}
		c.held = append(c.held, f)
		source := c.path("private", dir)
		if err := os.MkdirAll(source, 0o755); err != nil {
			return err
		}
		if err := c.mountOver(source, dir); err != nil {
			return err
		}
	}
	for _, file := range privateSettings {
		value, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		source := c.path("private", file)
		if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(source, value, 0o644); err != nil {
			return err
		}
		if err := c.mountOver(source, file); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) mountOver(source, target string) error {
	if err := syscall.Mount(source, target, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount over %s: %w", target, err)
	}
	c.mounted = append(c.mounted, target)
	return nil
}

// holdFolder makes a folder where it is missing, and locks it.
func holdFolder(dir string) (*os.File, error) {
	for {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		f, err := os.Open(dir)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH); err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), f.Close())
		}
		// Another cluster may have removed it before the lock was there.
		locked, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if there, err := os.Stat(dir); err == nil && os.SameFile(locked, there) {
			return f, nil
		}
		_ = f.Close() // nothing was written
	}
}

// unmount undoes every mount of the cluster in this mount namespace.
func (c *cluster) unmount() error {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	points := c.mounted
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], c.dir+"/") {
			points = append(points, f[4])
		}
	}
	var errs []error
	for _, point := range slices.Backward(points) {
		// EINVAL: it went with another.
		if err := syscall.Unmount(point, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) {
			errs = append(errs, fmt.Errorf("unmount %s: %w", point, err))
		}
	}
	return errors.Join(errs...)
}

// releaseFolders removes each of the folders that were mounted over if it is
// empty and no other cluster has it mounted over: the removal of a folder
// undoes the mounts on it in all namespaces.
func (c *cluster) releaseFolders() {
	for _, f := range c.held {
		_ = f.Close() // nothing was written
	}
	c.held = nil
	for _, dir := range privateFolders {
		f, err := os.Open(dir)
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.Remove(dir) // fails if something of the machine is in there
		}
		_ = f.Close() // nothing was written
	}
}
