//go:build cgo

package native_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// starter is another process that starts a container.
type starter struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func newStarter(t *testing.T, f *fixture, spec executor.Spec) *starter {
	t.Helper()
	s := &starter{Cmd: exec.Command(self(t))}
	s.Env = append(childEnv(), startVariable+"="+f.dir)
	s.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if s.in, err = s.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.out = bufio.NewReader(out)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(s.in).Encode(spec); err != nil {
		t.Fatal(err)
	}
	return s
}

// started waits until the container is started.
func (s *starter) started(t *testing.T) {
	t.Helper()
	if line, err := s.out.ReadString('\n'); err != nil || line != "started\n" {
		t.Fatalf("%q, %v", line, err)
	}
}

func (s *starter) kill(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(-s.Process.Pid, sig); err != nil {
		t.Fatal(err)
	}
	_ = s.Wait() // it was killed
}

// shims are the processes of a container's shim, as this process sees them.
func shims(t *testing.T, f *fixture, id string) []int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(f.dir, "containers", id, "shim"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var r struct{ PID int }
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return []int{r.PID}
}

func killShim(t *testing.T, f *fixture, id string) {
	t.Helper()
	for _, pid := range shims(t, f, id) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
	}
}

// TestOutlives: the container goes on when the process that started it is
// killed with its whole process group.
func TestOutlives(t *testing.T) {
	f := newFixture(t)
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			if signal.Ignored(sig) {
				t.Skip("whoever started this has it ignored, and those whom it starts ignore it too")
			}
			fifo := filepath.Join(tempDir(t), "go")
			if err := syscall.Mkfifo(fifo, 0o666); err != nil {
				t.Fatal(err)
			}
			spec := f.spec(nextID(), "echo before; cat /go; echo after; exit 4")
			spec.Volumes = []executor.Volume{{Source: fifo, Target: "/go"}}
			s := newStarter(t, f, spec)
			s.started(t)
			s.kill(t, sig)
			p, err := f.Attach(t.Context(), executor.Handle{Executor: "native", ID: spec.ID})
			if err != nil {
				t.Fatal(err)
			}
			removeAtEnd(t, p)
			if err := os.WriteFile(fifo, []byte("go\n"), 0); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := p.Follow(t.Context(), &out, io.Discard); err != nil {
				t.Fatal(err)
			}
			exit, err := p.Wait(t.Context())
			if err != nil || exit.Code != 4 || out.String() != "before\ngo\nafter\n" {
				t.Errorf("%+v, %v, %q", exit, err, out.String())
			}
		})
	}
}

// TestNeverTwice kills the process that starts a container at random moments,
// and sometimes the shim with it, and starts the same container again.
func TestNeverTwice(t *testing.T) {
	f := newFixture(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	rounds := 40
	if testing.Short() {
		rounds = 10
	}
	const longest = 60 * time.Millisecond
	var lost, again int
	for range rounds {
		count := filepath.Join(tempDir(t), "count")
		if err := os.WriteFile(count, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		spec := f.spec(nextID(), "echo x >>/count; sleep 0.03; exit 6")
		spec.Volumes = []executor.Volume{{Source: count, Target: "/count"}}
		s := newStarter(t, f, spec)
		<-time.After(time.Duration(rnd.Int64N(int64(longest)))) // the moment is arbitrary on purpose
		s.kill(t, syscall.SIGKILL)
		if rnd.IntN(2) == 0 {
			killShim(t, f, spec.ID)
		}
		p, err := f.Start(t.Context(), spec)
		switch {
		case errors.Is(err, executor.ErrNotFound): // started before, and its end is not known
			lost++
		case err != nil:
			t.Fatal(err)
		default:
			again++
			exit, err := p.Wait(t.Context())
			if err != nil && !errors.Is(err, executor.ErrNotFound) || err == nil && exit.Code != 6 {
				t.Errorf("%+v, %v", exit, err)
			}
		}
		data, err := os.ReadFile(count)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(data, []byte("x")); n > 1 {
			t.Errorf("executed %d times", n)
		}
		if _, err := f.Sweep(t.Context(), spec.Labels); err != nil {
			t.Error(err)
		}
		wantNothingLeft(t, f)
	}
	t.Logf("%d started or found, %d lost", again, lost)
}

// wantNothingLeft also accepts what a process that was killed had half made:
// nobody sees it, and it is cleared away later.
func wantNothingLeft(t *testing.T, f *fixture) {
	t.Helper()
	for _, left := range leftovers(t, f.dir) {
		if !strings.Contains(left, "/containers/.") {
			t.Errorf("left: %s", left)
		}
	}
}

// TestKilledShim: the container dies with its shim, everybody who waits is
// told at once that its end is unknown, and nothing is left after Remove.
func TestKilledShim(t *testing.T) {
	f := newFixture(t)
	for name, memory := range map[string]int64{"without limits": 0, "with limits": 64 << 20} {
		t.Run(name, func(t *testing.T) {
			if memory > 0 {
				needFeature(t, f, executor.FeatureMemoryLimit)
			}
			spec := f.spec(nextID(), "echo begun; sleep 1000 & exec sleep 1000")
			spec.Memory = memory
			p := f.start(t, spec)
			other, err := f.Attach(t.Context(), p.Handle())
			if err != nil {
				t.Fatal(err)
			}
			inside := processesIn(t, shims(t, f, spec.ID)[0])
			followed := make(chan error, 2)
			for _, p := range []executor.Process{p, other} {
				go func() { followed <- p.Follow(t.Context(), io.Discard, io.Discard) }()
			}
			killShim(t, f, spec.ID)
			for range 2 {
				if err := <-followed; !errors.Is(err, executor.ErrNotFound) {
					t.Errorf("Follow: %v", err)
				}
			}
			if _, err := p.Wait(t.Context()); !errors.Is(err, executor.ErrNotFound) {
				t.Errorf("Wait: %v", err)
			}
			if err := p.Stop(t.Context(), time.Minute); err != nil {
				t.Errorf("Stop: %v", err)
			}
			if _, err := f.Start(t.Context(), spec); !errors.Is(err, executor.ErrNotFound) {
				t.Errorf("Start: %v", err)
			}
			if _, err := f.Attach(t.Context(), p.Handle()); !errors.Is(err, executor.ErrNotFound) {
				t.Errorf("Attach: %v", err)
			}
			if err := p.Remove(t.Context()); err != nil {
				t.Errorf("Remove: %v", err)
			}
			for _, pid := range inside {
				if syscall.Kill(pid, 0) == nil {
					t.Errorf("process %d of the container lives", pid)
				}
			}
			if left := leftovers(t, f.dir); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// processesIn are the descendants of a process.
func processesIn(t *testing.T, root int) []int {
	t.Helper()
	var out []int
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		lists, err := filepath.Glob("/proc/" + strconv.Itoa(queue[0]) + "/task/*/children")
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range lists {
			data, err := os.ReadFile(list)
			if err != nil {
				continue // that thread has ended
			}
			for pid := range strings.FieldsSeq(string(data)) {
				n, err := strconv.Atoi(pid)
				if err != nil {
					t.Fatal(err)
				}
				out, queue = append(out, n), append(queue, n)
			}
		}
	}
	if len(out) == 0 {
		t.Fatal("no processes found")
	}
	return out
}
