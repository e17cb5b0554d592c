package executortest

import (
	"strconv"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

func exitTests() []subtest {
	return []subtest{
		{name: "codes", run: testCodes},
		{name: "segmentation fault", run: testFault},
		{name: "killed", run: testKilled},
		{name: "out of memory", run: testOutOfMemory, needs: []executor.Feature{executor.FeatureMemoryLimit}},
		{name: "not out of memory", run: testNotOutOfMemory, needs: []executor.Feature{executor.FeatureMemoryLimit}},
		{name: "times", run: testTimes},
		{name: "children", run: testChildren},
	}
}

// testCodes includes 137, which is not a signal when the program chose it.
func testCodes(t *test) {
	for _, code := range []int{0, 1, 2, 42, 125, 126, 127, 137, 143, 255} {
		exit := t.run(t.spec("exit", strconv.Itoa(code))).exit
		t.wantCode(exit, code)
		if exit.Signal != "" {
			t.Errorf("code %d was chosen and is told as signal %s", code, exit.Signal)
		}
	}
}

func testFault(t *test) {
	exit := t.run(t.spec("die", "SIGSEGV")).exit
	t.wantSignal(exit, "SIGSEGV", 11)
	if exit.OOMKilled {
		t.Error("a segmentation fault is told as out of memory")
	}
}

func testKilled(t *test) {
	exit := t.run(t.spec("die", "SIGKILL")).exit
	t.wantSignal(exit, "SIGKILL", 9)
	if exit.OOMKilled {
		t.Error("a kill is told as out of memory")
	}
}

func testOutOfMemory(t *test) {
	spec := t.spec("print", "stdout", "begin\n", "--", "grow", "512", "--", "print", "stdout", "grown\n")
	spec.Memory = 64 << 20
	r := t.run(spec)
	if !r.exit.OOMKilled || r.exit.Code != 137 {
		t.Errorf("ended with %+v, want code 137 and OOMKilled", r.exit)
	}
	if r.stdout != "begin\n" {
		t.Errorf("stdout is %q, want what was printed before", r.stdout)
	}
}

func testNotOutOfMemory(t *test) {
	for _, spec := range []executor.Spec{
		t.spec("grow", "16", "--", "exit", "137"),
		t.spec("grow", "16", "--", "exit", "0"),
	} {
		spec.Memory = 128 << 20
		code, _ := strconv.Atoi(spec.Args[4])
		t.wantCode(t.run(spec).exit, code)
	}
}

// testTimes cannot compare with the clock here, which need not be the engine's.
func testTimes(t *test) {
	p, _ := t.running(t.spec("trap", "0"))
	t.stop(p, time.Minute)
	exit := t.wait(p)
	if exit.StartedAt.IsZero() || exit.FinishedAt.IsZero() {
		t.Skip("the engine does not tell times")
	}
	if exit.FinishedAt.Before(exit.StartedAt) {
		t.Errorf("finished at %s, before its start at %s", exit.FinishedAt, exit.StartedAt)
	}
}

// testChildren: a container ends with its first process. What that leaves
// behind is killed, and must keep neither Follow nor Wait.
func testChildren(t *test) {
	p := t.start(t.spec("spawn", "hold", "--", "spawn", "stubborn", "--", "print", "stdout", "parent\n", "--", "exit", "3"))
	t.wantCode(t.wait(p), 3)
	f := t.follow(p)
	if err := f.end(); err != nil {
		t.Errorf("Follow: %v", err)
	}
	f.await("parent")
}
