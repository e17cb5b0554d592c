package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// verb is one thing that the program can do. args is how many arguments it
// takes, or -1 for any number.
type verb struct {
	args int
	run  func(ctx context.Context, p *Proc, args []string) error
}

var verbs = map[string]verb{
	"exit":     {1, doExit},
	"die":      {1, doDie},
	"grow":     {1, doGrow},
	"print":    {2, doPrint},
	"lines":    {3, doLines},
	"line":     {2, doLine},
	"noise":    {3, doNoise},
	"flood":    {0, doFlood},
	"stdin":    {0, doStdin},
	"describe": {0, doDescribe},
	"read":     {1, doRead},
	"write":    {2, doWrite},
	"append":   {2, doAppend},
	"mkdir":    {1, doMkdir},
	"mode":     {1, doMode},
	"open":     {2, doOpen},
	"size":     {1, doSize},
	"hold":     {0, doHold},
	"trap":     {1, doTrap},
	"stubborn": {0, doStubborn},
	"spawn":    {-1, doSpawn},
	"pid":      {0, doPID},
	"orphan":   {0, doOrphan},
	"abandon":  {0, doAbandon},
}

// Description is what the verb describe prints as JSON.
type Description struct {
	Args []string `json:"args"`
	Env  []string `json:"env"` // sorted
	Dir  string   `json:"dir"`
	UID  int      `json:"uid"`
	GID  int      `json:"gid"`
}

func doExit(_ context.Context, _ *Proc, args []string) error {
	code, err := strconv.Atoi(args[0])
	if err != nil {
		return fmt.Errorf("exit: %w", err)
	}
	return exit(code)
}

func doDie(_ context.Context, p *Proc, args []string) error {
	if err := p.Kernel.Die(args[0]); err != nil {
		return fmt.Errorf("die: %w", err)
	}
	return exit(CodeFailed)
}

func doGrow(_ context.Context, p *Proc, args []string) error {
	mib, err := strconv.ParseInt(args[0], 10, 32)
	if err != nil {
		return fmt.Errorf("grow: %w", err)
	}
	return p.Kernel.Grow(mib << 20)
}

func (p *Proc) stream(name string) (io.Writer, error) {
	switch name {
	case "stdout":
		return p.Stdout, nil
	case "stderr":
		return p.Stderr, nil
	}
	return nil, fmt.Errorf("unknown stream %q", name)
}

func doPrint(_ context.Context, p *Proc, args []string) error {
	w, err := p.stream(args[0])
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, args[1])
	return err
}

func doLines(_ context.Context, p *Proc, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return fmt.Errorf("lines: %w", err)
	}
	if args[0] == "both" {
		return writeBoth(p, n, args[2])
	}
	w, err := p.stream(args[0])
	if err != nil {
		return err
	}
	return WriteLines(w, args[2], n)
}

func doLine(_ context.Context, p *Proc, args []string) error {
	w, err := p.stream(args[0])
	if err != nil {
		return err
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return fmt.Errorf("line: %w", err)
	}
	return WriteLine(w, size)
}

func doNoise(_ context.Context, p *Proc, args []string) error {
	w, err := p.stream(args[0])
	if err != nil {
		return err
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return fmt.Errorf("noise: %w", err)
	}
	seed, err := strconv.ParseUint(args[2], 10, 64)
	if err != nil {
		return fmt.Errorf("noise: %w", err)
	}
	return WriteNoise(w, size, seed)
}

func doFlood(ctx context.Context, p *Proc, _ []string) error {
	for ctx.Err() == nil {
		if err := WriteLines(p.Stdout, "flood", 100); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func doStdin(_ context.Context, p *Proc, _ []string) error {
	_, err := io.Copy(p.Stdout, p.Stdin)
	return err
}

func doDescribe(_ context.Context, p *Proc, _ []string) error {
	return json.NewEncoder(p.Stdout).Encode(Description{
		Args: p.Args, Env: slices.Sorted(slices.Values(p.Env)), Dir: p.Dir, UID: p.UID, GID: p.GID,
	})
}

func doSpawn(_ context.Context, p *Proc, args []string) error {
	if err := p.Kernel.Spawn(args...); err != nil {
		return fmt.Errorf("spawn: %w", err)
	}
	return nil
}

func doPID(_ context.Context, p *Proc, _ []string) error {
	_, err := fmt.Fprintln(p.Stdout, p.Kernel.PID())
	return err
}

func doOrphan(ctx context.Context, p *Proc, _ []string) error {
	if err := p.Kernel.Orphan(ctx); err != nil {
		return fmt.Errorf("orphan: %w", err)
	}
	return nil
}

func doAbandon(_ context.Context, p *Proc, _ []string) error {
	pid, err := p.Kernel.Abandon()
	if err != nil {
		return fmt.Errorf("abandon: %w", err)
	}
	_, err = fmt.Fprintln(p.Stdout, pid)
	return err
}
