//go:build cgo

package native_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// asRoot is what a test says that an ordinary user's containers do not have.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

// capabilities prints a set, with CAP_MKNOD in it.
const capabilities = "show() { while read name set; do [ $name != $1: ] || printf '%x\\n' $((0x$set | 0x8000000)); done </proc/self/status; }; show "

// TestInside looks at what a container is given from the inside.
func TestInside(t *testing.T) {
	f := newFixture(t)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, script, want string
		change             func(*executor.Spec)
	}{
		// Where there are no rules on devices, CAP_MKNOD (0x8000000) is missing.
		{"capabilities", capabilities + "CapBnd", "a80425fb\n", nil},
		{"effective capabilities", capabilities + "CapEff", "a80425fb\n", nil},
		{"no new privileges", "grep NoNewPrivs /proc/self/status | tr -d '\\t'", "NoNewPrivs:1\n", nil},
		{"first process", "echo $$", "1\n", nil},
		{"process list", "set -- /proc/[0-9]*; echo $#", "1\n", nil},
		{"host name", "hostname", host + "\n", nil},
		{"own host name", "hostname", "own-host-name\n", func(s *executor.Spec) { s.Network, s.ID = "none", "own-host-name" }},
		{"loopback", "cat /etc/hosts | head -n 1; ip -o link | wc -l >/dev/null; ip addr show lo | grep -c 'LOOPBACK,UP'", "127.0.0.1\tlocalhost\n1\n", func(s *executor.Spec) { s.Network = "none" }},
		{"masked file", "wc -c </proc/keys", "0\n", nil},
		{"masked directory", "ls /sys/firmware | wc -l", "0\n", nil},
		{"read-only sysctl", "echo 1 >/proc/sys/kernel/ns_last_pid", "", nil},
		{"read-only sysfs", "touch /sys/kernel/x || echo denied", "denied\n", nil},
		{"devices", "ls /dev | grep -v core | tr '\\n' ' '", "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ", nil},
		{"shared memory", "mount | grep -c 'on /dev/shm .*size=65536k'", "1\n", nil},
		{"home", "echo $HOME", "/root\n", nil},
		{"path of the image", "echo $PATH", "/bin\n", nil},
		{"working directory is made", "pwd", "/not/there/yet\n", func(s *executor.Spec) { s.WorkingDir = "/not/there/yet" }},
		{"standard output is not truncated", "echo one; echo two >/dev/stdout; echo three", "one\ntwo\nthree\n", nil},
		{"umask", "touch /tmp/x; stat -c %a /tmp/x /", "644\n755\n", nil},
		{"no input", "cat", "", nil},
		{"input in parts", "head -c 2; echo; cat", "he\nllo", func(s *executor.Spec) { s.Stdin = []byte("hello") }},
		{"file", "stat -c %a /run/a/b; cat /run/a/b; echo x 2>/dev/null >/run/a/b || echo denied", "444\ncontentdenied\n", func(s *executor.Spec) {
			s.Files = []executor.File{{Path: "/run/a/b", Data: []byte("content")}}
		}},
		{"environment", "env | grep -v -e PWD -e SHLVL | grep -c .", "3\n", func(s *executor.Spec) { s.Env = map[string]string{"A": "1"} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := f.spec(nextID(), tt.script)
			if tt.change != nil {
				tt.change(&spec)
			}
			if r := f.run(t, spec); r.stdout != tt.want {
				t.Errorf("got %q, want %q; stderr: %s", r.stdout, tt.want, r.stderr)
			}
		})
	}
}

// TestDevices: a container's root cannot use the machine's devices.
func TestDevices(t *testing.T) {
	asRoot(t)
	f := newFixture(t)
	for name, limited := range map[string]bool{"without limits": false, "with limits": true} {
		t.Run(name, func(t *testing.T) {
			// 1:1 is the memory.
			spec := f.spec(nextID(), "mknod /tmp/mem c 1 1 && cat /tmp/mem")
			if limited {
				needFeature(t, f, executor.FeatureMemoryLimit)
				spec.Memory = 64 << 20
			}
			r := f.run(t, spec)
			if r.Code == 0 || !strings.Contains(r.stderr, "Operation not permitted") {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestSeccomp: Docker's default profile forbids keyctl to everybody. Without
// it, it would tell that there is no such key.
func TestSeccomp(t *testing.T) {
	f := newFixture(t)
	needFeature(t, f, executor.FeatureSeccomp)
	if r := f.script(t, "grep Seccomp: /proc/self/status | tr -d '\\t'"); r.stdout != "Seccomp:2\n" {
		t.Errorf("%+v", r)
	}
	// unshare of a user namespace needs CAP_SYS_ADMIN under the profile.
	if r := f.script(t, "mount -t tmpfs x /tmp"); r.Code == 0 {
		t.Errorf("a container may mount: %+v", r)
	}
}

func TestUsers(t *testing.T) {
	asRoot(t)
	f := newFixture(t)
	for _, tt := range []struct{ user, want string }{
		{"", "uid=0(root) gid=0(root)\n/root\n"},
		{"alice", "uid=1000(alice) gid=1000(alice) groups=50(staff)\n/home/alice\n"},
		{"1000", "uid=1000(alice) gid=1000(alice) groups=50(staff)\n/home/alice\n"},
		{"alice:staff", "uid=1000(alice) gid=50(staff)\n/home/alice\n"},
		{"77:88", "uid=77 gid=88\n/\n"},
	} {
		t.Run(tt.user, func(t *testing.T) {
			spec := f.spec(nextID(), "id; echo $HOME; echo ok >/dev/stderr; cat /dev/stdin; kill -l >/dev/null")
			spec.User, spec.Stdin = tt.user, []byte("in")
			r := f.run(t, spec)
			if r.stdout != tt.want+"in" || r.stderr != "ok\n" {
				t.Errorf("got %q and %q, want %q", r.stdout, r.stderr, tt.want+"in")
			}
		})
	}
}

// apartVariable is set in the process that TestPrivilegedBesideOthers starts.
const apartVariable = "KOG_NATIVE_TEST_APART"

// TestPrivilegedBesideOthers is in a network namespace whose /sys nobody has
// mounted: a container that may not write there does not take it from another.
func TestPrivilegedBesideOthers(t *testing.T) {
	asRoot(t)
	if os.Getenv(apartVariable) == "" {
		cmd := exec.CommandContext(t.Context(), self(t), "-test.run", "^"+t.Name()+"$", "-test.v=true", "-test.timeout=5m")
		cmd.Env = append(childEnv(), apartVariable+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	f := newFixture(t)
	const script = "grep -c ' /sys sysfs rw,' /proc/self/mounts; touch /sys/kernel 2>/dev/null || echo denied"
	first := f.start(t, f.spec(nextID(), script+"; exec sleep 1000"))
	out, in := io.Pipe()
	go func() { _ = in.CloseWithError(first.Follow(t.Context(), in, io.Discard)) }() // never fails
	if got := readLines(t, out, 2); got != "0\ndenied\n" {
		t.Errorf("the first container: %q", got)
	}
	spec := f.spec(nextID(), script)
	spec.Privileged = true
	if r := f.run(t, spec); r.stdout != "1\n" {
		t.Errorf("the privileged one: %+v", r)
	}
	if r := f.script(t, script); r.stdout != "0\ndenied\n" {
		t.Errorf("the last: %+v", r)
	}
}

func readLines(t *testing.T, r io.Reader, n int) string {
	t.Helper()
	var got strings.Builder
	lines := bufio.NewReader(r)
	for range n {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		got.WriteString(line)
	}
	return got.String()
}
