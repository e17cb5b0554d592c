package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Codes with which the program ends when a verb failed.
const (
	CodeFailed  = 100 // any other reason
	CodeUsage   = 101 // unknown verb or bad argument
	CodeMissing = 102 // no such file
	CodeDenied  = 103 // not permitted, or read-only
)

// Ready is what the verbs that wait print once they do.
const Ready = "ready"

// Caught is what trap and stubborn print at each SIGTERM.
const Caught = "caught SIGTERM"

// Separator stands between two commands of one command line.
const Separator = "--"

// exit is the error of a verb that ends the program with a code.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// Main runs the commands of the command line one after the other and returns
// the exit code. The first that fails is the last. ctx ends when the program
// is killed from outside.
//
// The verbs:
//
//	exit CODE              end with that code
//	die SIGNAL             end by a signal: SIGKILL or SIGSEGV
//	grow MIB               take memory
//	print STREAM TEXT      TEXT without a newline; STREAM is stdout or stderr
//	lines STREAM N PREFIX  N numbered lines; STREAM both writes to both by turns
//	line STREAM SIZE       one long line
//	noise STREAM SIZE SEED bytes that look random
//	flood                  lines for ever
//	stdin                  copy the standard input to stdout
//	describe               a Description as JSON
//	read FILE              its content to stdout
//	write FILE TEXT        replace, append, mkdir, mode: what they say
//	append FILE TEXT
//	mkdir DIR
//	mode FILE
//	open FILE HOW          open what is there; HOW is r or w
//	size DIR               bytes that its file system can hold
//	hold                   print Ready and wait until killed
//	trap CODE              print Ready, wait for SIGTERM, print Caught, end with CODE
//	stubborn               print Ready, print Caught at each SIGTERM, never end
//	spawn VERB...          the rest of this command in a process beside this one
//	pid                    the number of this process
//	orphan                 leave a process behind, and wait until it was collected
//	abandon                start a process, print its number, do not wait for it
func Main(ctx context.Context, p *Proc) int {
	if len(p.Args) < 2 {
		return p.fail(CodeUsage, errors.New("no verb"))
	}
	for rest := p.Args[1:]; len(rest) > 0; {
		command := rest
		if i := slices.Index(rest, Separator); i >= 0 {
			command, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		if code, done := p.command(ctx, command); done {
			return code
		}
	}
	return 0
}

// command runs one command and reports whether the program ends there.
func (p *Proc) command(ctx context.Context, args []string) (code int, done bool) {
	if len(args) == 0 {
		return p.fail(CodeUsage, errors.New("empty command")), true
	}
	v, ok := verbs[args[0]]
	if !ok || v.args >= 0 && len(args)-1 != v.args {
		return p.fail(CodeUsage, fmt.Errorf("%q: unknown verb or wrong number of arguments", args)), true
	}
	err := v.run(ctx, p, args[1:])
	if end, ok := errors.AsType[exit](err); ok {
		return int(end), true
	}
	switch {
	case err == nil:
		return 0, false
	case errors.Is(err, fs.ErrNotExist):
		return p.fail(CodeMissing, err), true
	case errors.Is(err, fs.ErrPermission):
		return p.fail(CodeDenied, err), true
	default:
		return p.fail(CodeFailed, err), true
	}
}

func (p *Proc) fail(code int, err error) int {
	_, _ = fmt.Fprintf(p.Stderr, "probe: %v\n", err)
	return code
}
