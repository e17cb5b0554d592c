// Command cmd is the probe as a program for the images of the contract suite.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"gitlab.com/f5-pwe/kog/v3/executor/executortest/probe"
)

func main() {
	k := &kernel{term: make(chan struct{}, 16)}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM)
	go k.deliver(signals)

	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(probe.CodeFailed)
	}
	os.Exit(probe.Main(context.Background(), &probe.Proc{
		Args: os.Args, Env: os.Environ(), Dir: dir, UID: os.Getuid(), GID: os.Getgid(),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		FS: files{}, Kernel: k,
	}))
}

type kernel struct {
	caught atomic.Bool
	term   chan struct{}
	spent  atomic.Int64
}

// deliver ends the program at SIGTERM itself: the first process of a container
// has no default action for it (pid_namespaces(7)).
func (k *kernel) deliver(signals <-chan os.Signal) {
	for range signals {
		if !k.caught.Load() {
			os.Exit(128 + int(syscall.SIGTERM))
		}
		k.term <- struct{}{}
	}
}

func (k *kernel) Catch() <-chan struct{} {
	k.caught.Store(true)
	return k.term
}

// Die makes the kernel send the signal. A signal that the program sent itself
// would be ignored, since it is the first process of its namespace.
func (k *kernel) Die(name string) error {
	switch name {
	case "SIGSEGV":
		// An all-zero sigaction is the default action. The Go runtime would
		// turn the fault into a panic.
		var action [32]byte
		_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION,
			uintptr(syscall.SIGSEGV), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
		if errno != 0 {
			return fmt.Errorf("rt_sigaction: %w", errno)
		}
		*nowhere() = 1
	case "SIGKILL":
		limit := syscall.Rlimit{Cur: 1, Max: 1}
		if err := syscall.Setrlimit(syscall.RLIMIT_CPU, &limit); err != nil {
			return fmt.Errorf("setrlimit: %w", err)
		}
		for sum := 0; ; sum++ { // until the second of processor time is used up
			k.spent.Store(int64(sum))
		}
	}
	return fmt.Errorf("unknown signal %q", name)
}

//go:noinline
func nowhere() *int { return nil }

// hoard keeps what Grow took.
type hoard [][]byte

func (k *kernel) Grow(bytes int64) error {
	const block = 1 << 20
	var taken hoard
	for range bytes / block {
		b := make([]byte, block)
		for i := 0; i < block; i += 4096 {
			b[i] = 1
		}
		taken = append(taken, b)
	}
	sum := 0
	for _, b := range taken {
		sum += int(b[0])
	}
	if sum != len(taken) {
		return errors.New("memory does not keep its content")
	}
	return nil
}

// Spawn gives the child the very descriptors of this process.
func (k *kernel) Spawn(args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(self, args...)
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	return child.Start()
}

func (k *kernel) PID() int { return os.Getpid() }

func (k *kernel) Orphan(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, self, "abandon").Output()
	if err != nil {
		return err
	}
	place := "/proc/" + strings.TrimSpace(string(out))
	for {
		if _, err := os.Stat(place); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (k *kernel) Abandon() (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	child := exec.Command(self, "exit", "0")
	if err := child.Start(); err != nil {
		return 0, err
	}
	return child.Process.Pid, nil
}
