package probe

import (
	"context"
	"fmt"
)

func doRead(_ context.Context, p *Proc, args []string) error {
	data, err := p.FS.ReadFile(args[0])
	if err != nil {
		return err
	}
	_, err = p.Stdout.Write(data)
	return err
}

func doWrite(_ context.Context, p *Proc, args []string) error {
	return p.FS.WriteFile(args[0], []byte(args[1]))
}

func doAppend(_ context.Context, p *Proc, args []string) error {
	return p.FS.AppendFile(args[0], []byte(args[1]))
}

func doMkdir(_ context.Context, p *Proc, args []string) error {
	return p.FS.Mkdir(args[0])
}

func doMode(_ context.Context, p *Proc, args []string) error {
	mode, err := p.FS.Mode(args[0])
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.Stdout, mode)
	return err
}

func doOpen(_ context.Context, p *Proc, args []string) error {
	if args[1] != "r" && args[1] != "w" {
		return fmt.Errorf("open: how %q: want r or w", args[1])
	}
	return p.FS.Open(args[0], args[1] == "w")
}

func doSize(_ context.Context, p *Proc, args []string) error {
	size, err := p.FS.Size(args[0])
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.Stdout, size)
	return err
}
