package probe

import (
	"context"
	"fmt"
	"io"
	"strconv"
)

func say(w io.Writer, text string) error {
	_, err := io.WriteString(w, text+"\n")
	return err
}

func doHold(ctx context.Context, p *Proc, _ []string) error {
	if err := say(p.Stdout, Ready); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func doTrap(ctx context.Context, p *Proc, args []string) error {
	code, err := strconv.Atoi(args[0])
	if err != nil {
		return fmt.Errorf("trap: %w", err)
	}
	term := p.Kernel.Catch()
	if err := say(p.Stdout, Ready); err != nil {
		return err
	}
	select {
	case <-term:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := say(p.Stdout, Caught); err != nil {
		return err
	}
	return exit(code)
}

func doStubborn(ctx context.Context, p *Proc, _ []string) error {
	term := p.Kernel.Catch()
	if err := say(p.Stdout, Ready); err != nil {
		return err
	}
	for {
		select {
		case <-term:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := say(p.Stdout, Caught); err != nil {
			return err
		}
	}
}
