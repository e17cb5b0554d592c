// Package acceptance runs the whole program, as a user would: scripts in
// testdata, each in a folder of its own.
package acceptance

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"gitlab.com/f5-pwe/kog/v3"
	"gitlab.com/f5-pwe/kog/v3/executor/native"
	"gitlab.com/f5-pwe/kog/v3/internal/cli"
)

func TestMain(m *testing.M) {
	cli.Dispatch()
	testscript.Main(m, programs())
}

// programs are those that tests can start: this binary, under another name.
func programs() map[string]func() {
	return map[string]func(){
		"kog":    func() { os.Exit(cli.Main(os.Args[1:], cli.System())) },
		"resume": resume,
	}
}

// resume is a program that goes on with a run: resume EXECUTOR STATE_DIR
// RUN_ID [NOTIFIER_URL]. It returns 4 when there is no such run.
func resume() {
	exec, err := newExecutor(os.Args[1], os.Args[2])
	if err == nil {
		r := kog.Runner{Executor: exec, StateDir: os.Args[2]}
		var result kog.Result
		if len(os.Args) > 4 {
			r.Notifiers, err = notifyAll(os.Args[4])
		}
		if err == nil {
			result, err = r.Resume(context.Background(), os.Args[3])
		}
		if err == nil {
			fmt.Println(result.NotifyStatus, result.NotifyMessage)
			os.Exit(result.Status.ReturnCode())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	if errors.Is(err, kog.ErrRunNotFound) {
		os.Exit(4)
	}
	os.Exit(125)
}

func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			web := http.NewServeMux()
			web.Handle("/", http.FileServer(http.Dir(examples)))
			server := httptest.NewServer(web)
			env.Defer(server.Close)
			if err := addHooks(env, web, server.URL); err != nil {
				return err
			}
			env.Setenv("URL", server.URL)
			env.Setenv("EXAMPLES", examples)
			env.Setenv("KOG_EXECUTOR", native.Name)
			env.Setenv("KOG_STATE_DIR", filepath.Join(env.WorkDir, "state"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"rc":       rc,
			"empty":    empty,
			"journals": journals,
			"image":    image,
			"absent":   absent,
		},
	})
}

var update = flag.Bool("update", false, "rewrite what the scripts compare with")

// rc runs a command and checks its return code: rc CODE COMMAND [ARG ...]
func rc(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: rc CODE COMMAND [ARG ...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("return code %d, want %d", got, want)
	}
}

// empty checks that folders are empty or absent: empty DIR ...
func empty(ts *testscript.TestScript, neg bool, args []string) {
	for _, dir := range args {
		entries, err := os.ReadDir(ts.MkAbs(dir))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			ts.Check(err)
		}
		var names []string
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") {
				names = append(names, e.Name())
			}
		}
		if (len(names) == 0) == neg {
			ts.Fatalf("%s holds %v", dir, names)
		}
	}
}

// journals checks how many runs the state folder keeps: journals N
func journals(ts *testscript.TestScript, neg bool, args []string) {
	entries, err := os.ReadDir(filepath.Join(ts.Getenv("KOG_STATE_DIR"), "runs"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		ts.Check(err)
	}
	if neg || len(args) != 1 || strconv.Itoa(len(entries)) != args[0] {
		ts.Fatalf("%d runs, want %v", len(entries), args)
	}
}
