package builtin_test

import (
	"os/exec"
	"syscall"
)

func chroot(cmd *exec.Cmd, root string) { cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root} }
