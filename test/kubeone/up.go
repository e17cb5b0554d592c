package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// What the programs that use a cluster find in their environment.
const (
	envDir        = "KUBEONE_DIR"        // the state folder; pid/NAME in it has each part's process ID
	envContainerd = "KUBEONE_CONTAINERD" // the path of containerd's socket
)

// markVariable is in the environment of kubeone and of all that it starts
// but containers, and names the state folder. By it they are found at the end.
const markVariable = "KUBEONE_CLUSTER"

// A cluster is one node with all its parts.
type cluster struct {
	dir                string // state folder: everything that the cluster writes is in there
	containerd, cniBin string
	busybox, catatonit string
	logSize            string // see kubeletConfig
	imports            []string
	verbose            bool
	start              time.Time

	ports struct{ api, etcd, etcdPeer, kubelet, kubeletHealth int }
	parts []*part

	held    []*os.File // locks on the folders that are mounted over
	mounted []string   // see ownMounts
}

func (c *cluster) path(p ...string) string { return filepath.Join(append([]string{c.dir}, p...)...) }
func (c *cluster) socket() string          { return c.path("containerd.sock") }
func (c *cluster) kubeconfig() string      { return c.path("kubeconfig") }

// step prints how long after the start something was reached.
func (c *cluster) step(what string) {
	if c.verbose {
		fmt.Fprintf(os.Stderr, "kubeone: %6.2fs %s\n", time.Since(c.start).Seconds(), what)
	}
}

// up starts a cluster, runs the command that follows the flags (or waits for a
// signal where there is none) and takes the cluster down again.
func up(args []string) (err error) {
	c, command := parseUp(args)
	if err := c.needs(); err != nil {
		return err
	}
	if os.Getenv(markVariable) == "" {
		return c.enter()
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	// Abstract sockets belong to the network namespace, as the bridge does, and
	// end with the process.
	lock, err := net.Listen("unix", "@kubeone")
	if err != nil {
		return errors.Join(errors.New("another kubeone is up in this network namespace: end it, or run this one under unshare --net"), os.RemoveAll(c.dir))
	}
	defer func() { _ = lock.Close() }() // it ends with the process anyway
	defer func() {
		if derr := c.down(); derr != nil {
			err = errors.Join(err, fmt.Errorf("taking the cluster down: %w", derr))
		}
	}()
	if err := c.bringUp(ctx); err != nil {
		if ctx.Err() == nil {
			c.tails()
		}
		return err
	}
	if err := os.WriteFile(c.path("ready"), nil, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "kubeone: ready after %.1fs: KUBECONFIG=%s\n", time.Since(c.start).Seconds(), c.kubeconfig())
	if len(command) == 0 {
		<-ctx.Done()
		return nil
	}
	return c.runCommand(ctx, command)
}

func parseUp(args []string) (*cluster, []string) {
	c := &cluster{start: time.Now()}
	var imports string
	fs := flag.NewFlagSet("up", flag.ExitOnError)
	fs.StringVar(&c.dir, "dir", "", "state folder, which must not exist and is removed at the end (default: a temporary one)")
	fs.StringVar(&c.containerd, "containerd", "containerd", "containerd's daemon; its shim is the one beside it, or else in PATH")
	fs.StringVar(&c.cniBin, "cni-bin", "/usr/lib/cni", "folder of the CNI plugins bridge, host-local and loopback")
	fs.StringVar(&c.busybox, "busybox", "/bin/busybox", "static busybox: becomes localhost/busybox:1")
	fs.StringVar(&c.catatonit, "catatonit", "/usr/bin/catatonit", "static catatonit: becomes the pause image")
	fs.StringVar(&c.logSize, "log-size", "100Mi", "size of a container's log from which on the node begins a new file")
	fs.StringVar(&imports, "import", "", "image archives to import, comma-separated")
	fs.BoolVar(&c.verbose, "v", false, "print when each step was reached")
	_ = fs.Parse(args) // ends the program on errors
	if imports != "" {
		c.imports = strings.Split(imports, ",")
	}
	if marked := os.Getenv(markVariable); marked != "" {
		c.dir = marked
	}
	return c, fs.Args()
}

// needs says what this machine lacks.
func (c *cluster) needs() error {
	if os.Geteuid() != 0 {
		return errors.New("a cluster needs root")
	}
	// root's tools are outside some users' PATH
	path := os.Getenv("PATH") + ":/usr/sbin:/sbin"
	if dir := filepath.Dir(c.containerd); dir != "." {
		path = dir + ":" + path
	}
	if err := os.Setenv("PATH", path); err != nil {
		return err
	}
	var missing []string
	for _, tool := range []string{
		c.containerd, "containerd-shim-runc-v2", "ctr", "runc", "ip", c.busybox,
		filepath.Join(c.cniBin, "bridge"), filepath.Join(c.cniBin, "host-local"), filepath.Join(c.cniBin, "loopback"),
	} {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, tool)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing: %s (on Debian: apt-get install containerd runc containernetworking-plugins iproute2 busybox-static)", strings.Join(missing, ", "))
	}
	return nil
}

// runCommand runs a command that finds the cluster in its environment.
func (c *cluster) runCommand(ctx context.Context, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), markVariable+"=", "KUBECONFIG="+c.kubeconfig(), envDir+"="+c.dir, envContainerd+"="+c.socket())
	return cmd.Run()
}

// report prints an error and returns the exit code that goes with it: that of
// the command where there was one.
func report(err error) int {
	if err == nil {
		return 0
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "kubeone:", err)
	return 1
}
