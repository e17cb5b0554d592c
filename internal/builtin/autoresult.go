package builtin

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"gitlab.com/f5-pwe/kog/v3/action"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// Exit codes of Main.
const (
	exitOK = 0
	// exitUsage: a setting or the context cannot be read.
	exitUsage = 2
	// exitStopped: it was asked to end before it had a result, as a shell
	// gives it for SIGTERM.
	exitStopped = 128 + int(syscall.SIGTERM)
)

// Process is what a program gets from whoever starts it.
type Process struct {
	// Env holds NAME=VALUE; the first of several with one name counts.
	Env            []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Dispatch runs the built-in program if the process was started under its
// name, and gives its exit code; ok is false for any other name. A main
// function calls it before anything else.
func Dispatch() (code int, ok bool) {
	if len(os.Args) == 0 || filepath.Base(os.Args[0]) != AutoResult {
		return 0, false
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return Main(ctx, Process{Env: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}), true
}

// Main is the program auto-result: it ends with the result that its
// environment asks for and returns the context that it got, numbers exact.
//
//	RESULT       the result word; default success. It is not checked.
//	RESULT_CODE  the result's rc, a whole number; default 0
//	MESSAGE      default "auto success"
//	SLEEP        how long to wait before the result ("1.5s"); default not at all
//	SET          a JSON object to merge into the returned context
//	FAIL_UNTIL   N: the step fails, with rc 1, until its Nth visit in the run.
//	             Visits are counted in the context, at auto_result.visits.STEP
//
// An empty variable counts as absent. The context is read from KOG_CONTEXT
// (base64), else from the file that KOG_CONTEXT_FILE names, else as a line of
// base64 from standard input; nothing at all is an empty context.
//
// The exit code is 0 whatever the result: the result line says it. It is 2
// when a setting or the context cannot be read, and 143 when ctx ended before
// the result; then there is no result line, and standard error says why.
func Main(ctx context.Context, p Process) int {
	env := environ(p.Env)
	err := func() error {
		s, err := readSettings(env)
		if err != nil {
			return err
		}
		values, err := readContext(env, p.Stdin)
		if err != nil {
			return fmt.Errorf("read context: %w", err)
		}
		if err := sleep(ctx, s.sleep); err != nil {
			return err
		}
		line, err := s.result(values).Line()
		if err != nil {
			return err
		}
		_, err = p.Stdout.Write(line)
		return err
	}()
	if err == nil {
		return exitOK
	}
	_, _ = fmt.Fprintf(p.Stderr, "%s: %v\n", AutoResult, err) // there is nobody left to tell
	if ctx.Err() != nil {
		return exitStopped
	}
	return exitUsage
}

func environ(list []string) map[string]string {
	env := make(map[string]string, len(list))
	for _, entry := range list {
		name, value, _ := strings.Cut(entry, "=")
		if _, ok := env[name]; !ok {
			env[name] = value
		}
	}
	return env
}

// readContext finds the context document. Errors never quote it.
func readContext(env map[string]string, stdin io.Reader) (job.Values, error) {
	if encoded := env[action.EnvContext]; encoded != "" {
		return decodeContext(action.EnvContext, encoded)
	}
	if name := env[action.EnvContextFile]; name != "" {
		doc, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", action.EnvContextFile, err)
		}
		return parseContext(name, doc)
	}
	line, err := bufio.NewReader(stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	if strings.TrimSpace(line) == "" {
		return job.Values{}, nil
	}
	return decodeContext("standard input", line)
}

func decodeContext(source, encoded string) (job.Values, error) {
	doc, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return nil, fmt.Errorf("%s is not base64: %w", source, err)
	}
	return parseContext(source, doc)
}

func parseContext(source string, doc []byte) (job.Values, error) {
	values, err := job.DecodeValues(doc)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("%s is not JSON at byte %d", source, syntax.Offset)
	case err != nil:
		return nil, fmt.Errorf("%s is not a JSON object", source)
	case values == nil:
		return job.Values{}, nil
	}
	return values, nil
}
