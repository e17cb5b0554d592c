//go:build cgo

package native

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/cyphar/filepath-securejoin/pathrs-lite"
	"golang.org/x/sys/unix"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// explainStart is the error of a container whose first process did not come as
// far as to execute the command.
func (s *shim) explainStart(err error) error {
	if s.Rootless && (s.Memory > 0 || s.CPUs > 0) {
		return fmt.Errorf("start %q: %w: memory and cpu limits need cgroups that you may write to: %w", s.Command[0], err, executor.ErrUnsupported)
	}
	return fmt.Errorf("start %q: %w", s.Command[0], err)
}

// explainExec is the error of a command that the kernel refused to execute. The
// kernel's word ("exec format error", "no such file or directory" for a file
// that is there) says too little, so the file is looked at.
func (s *shim) explainExec(failure []byte) error {
	err := fmt.Errorf("execute %q: %s", s.Command[0], bytes.TrimSpace(failure))
	if why := s.whyNot(); why != "" {
		err = fmt.Errorf("%w: %s", err, why)
	}
	return err
}

func (s *shim) whyNot() string {
	for _, name := range s.candidates() {
		handle, err := pathrs.OpenInRoot(s.rootfs, name)
		if err != nil {
			continue
		}
		defer func() { _ = handle.Close() }()
		if info, err := handle.Stat(); err != nil || !info.Mode().IsRegular() {
			continue
		}
		f, err := pathrs.Reopen(handle, os.O_RDONLY)
		if err != nil {
			return ""
		}
		defer func() { _ = f.Close() }()
		return s.describe(f)
	}
	return ""
}

// candidates are where the command may be.
func (s *shim) candidates() []string {
	name := s.Command[0]
	if strings.Contains(name, "/") {
		if !path.IsAbs(name) {
			name = path.Join(s.Dir, name)
		}
		return []string{name}
	}
	var out []string
	for _, dir := range filepath.SplitList(s.Env["PATH"]) {
		out = append(out, path.Join("/", dir, name))
	}
	return out
}

// machines are Go's names for those of ELF.
var machines = map[elf.Machine]string{
	elf.EM_386: "386", elf.EM_X86_64: "amd64", elf.EM_ARM: "arm", elf.EM_AARCH64: "arm64", elf.EM_RISCV: "riscv64",
	elf.EM_PPC64: "ppc64le", elf.EM_S390: "s390x", elf.EM_LOONGARCH: "loong64", elf.EM_MIPS: "mips",
}

func (s *shim) describe(f *os.File) string {
	head := make([]byte, 256)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	if script, ok := bytes.CutPrefix(head[:n], []byte("#!")); ok {
		line, _, _ := bytes.Cut(script, []byte("\n"))
		interpreter, _, _ := strings.Cut(string(bytes.TrimSpace(line)), " ")
		return s.missing(interpreter)
	}
	program, err := elf.NewFile(f)
	if err != nil {
		return "it is neither a program for Linux nor a script that begins with #!"
	}
	if name := machines[program.Machine]; name != "" && name != runtime.GOARCH {
		return fmt.Sprintf("it was built for %s, this machine is %s", name, runtime.GOARCH)
	}
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz < unix.PathMax {
			name := make([]byte, p.Filesz)
			if _, err := p.ReadAt(name, 0); err == nil {
				return s.missing(string(bytes.TrimRight(name, "\x00")))
			}
		}
	}
	return ""
}

func (s *shim) missing(interpreter string) string {
	handle, err := pathrs.OpenInRoot(s.rootfs, interpreter)
	if err != nil {
		return fmt.Sprintf("its interpreter %s is not in the image", strings.TrimSpace(interpreter))
	}
	_ = handle.Close()
	return ""
}

// obstacles are kernel settings that forbid namespaces to ordinary users, and
// the way out.
var obstacles = []struct{ file, value, help string }{
	{"/proc/sys/kernel/unprivileged_userns_clone", "0", "user namespaces are forbidden to ordinary users; as root: sysctl kernel.unprivileged_userns_clone=1"},
	{"/proc/sys/user/max_user_namespaces", "0", "user namespaces are switched off; as root: sysctl user.max_user_namespaces=10000"},
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor forbids user namespaces to ordinary users; as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
}

// namespaceHelp says why namespaces cannot be used and what to do.
func namespaceHelp(rootless bool) string {
	if rootless {
		for _, o := range obstacles {
			if data, err := os.ReadFile(o.file); err == nil && string(bytes.TrimSpace(data)) == o.value {
				return o.help
			}
		}
	}
	return "this process may not make namespaces or mounts; in a container, that one has to be privileged (docker run --privileged)"
}
