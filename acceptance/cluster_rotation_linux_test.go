package acceptance

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A node begins a new file for a container's log when one is full, and gives only
// the newest. Steps print several times that.
func TestLogRotation(t *testing.T) {
	c := &rotating{ownCluster: newOwnCluster(t, "-log-size", "1Mi")}
	t.Run("find out when", c.findOutWhen)
	t.Run("while kog follows", c.rotatedWhileFollowed)
	t.Run("before a silence at the end", c.rotatedBeforeSilence)
	t.Run("while kog cannot read", c.rotatedUnread)
}

// rotating is a cluster whose node looks at the size of logs now and then.
type rotating struct {
	*ownCluster
	looked time.Time // once
}

// lookEvery is containerLogMonitorInterval of test/kubeone.
const lookEvery = 3 * time.Second

// awaitQuiet waits until the node has looked and is not about to do so again: it
// loses for its readers what comes at the very moment in which it begins a new
// file.
func (c *rotating) awaitQuiet() {
	const quiet = lookEvery / 6
	since := time.Since(c.looked) % lookEvery
	switch {
	case since < quiet:
		time.Sleep(quiet - since)
	case since > lookEvery/2:
		time.Sleep(lookEvery - since + quiet)
	}
}

const (
	ready      = "ready\n"
	burstLines = 12_000
	// A burst comes when the test makes a file for it.
	burst = `while [ ! -e /go/$n ]; do /bin/busybox sleep 0.05; done
/bin/busybox awk -v n=$n 'BEGIN { for (i = 1; i <= 12000; i++) printf "%099d\n", n * 12000 + i }'
`
	rotationDone = `echo 'KOG:{"result":"success","message":"done"}'
`
	rotationJob = `
name: rotates
workflows: {run: {start: {action: prints, duration: 5m}}}
actions: {prints: {image: 'localhost/busybox:1', entrypoint: [/bin/busybox, sh, -c], args: [SCRIPT]}}
`
)

// printing is a run of a step that prints numbered lines.
type printing struct {
	t       *testing.T
	c       *rotating
	dir, on string // on is the step's folder /go
	out     bytes.Buffer
	ended   chan error
}

func (c *rotating) print(t *testing.T, script string) *printing {
	t.Helper()
	p := &printing{t: t, c: c, dir: t.TempDir(), on: t.TempDir(), ended: make(chan error, 1)}
	job := filepath.Join(p.dir, "job.yaml")
	text := strings.ReplaceAll(rotationJob, "SCRIPT", fmt.Sprintf("%q", script))
	if err := os.WriteFile(job, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := c.command(t, "kog", "run", "-f", job, "--state-dir", p.dir, "--run-id", "rotates", "--executor", c.name,
		"--output", "quiet", "--volume", p.on+":/go")
	cmd.Stdout, cmd.Stderr = &p.out, &p.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- cmd.Wait() }()
	p.printed(len(ready)) // what comes before kog reads can be lost
	return p
}

// goOn lets the step print its nth burst, or whatever it waits for.
func (p *printing) goOn(n string) {
	p.t.Helper()
	p.c.awaitQuiet()
	if err := os.WriteFile(filepath.Join(p.on, n), nil, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// printed waits until kog has so much of the output.
func (p *printing) printed(size int) {
	p.t.Helper()
	p.c.until(fmt.Sprintf("%d bytes of output", size), func() bool {
		info, err := os.Stat(p.log())
		return err == nil && info.Size() >= int64(size)
	})
}

func (p *printing) log() string {
	return filepath.Join(p.dir, "runs", "rotates", "logs", "0001-start.stdout.log")
}

// file identifies the file to which the step's log goes at present.
func (p *printing) file() uint64 {
	p.t.Helper()
	var file uint64
	p.c.until("the step's log", func() bool {
		found, _ := filepath.Glob(filepath.Join(p.c.dir, "podlogs", "*kog*", "*", "0.log")) // the pattern is right
		var stat syscall.Stat_t
		if len(found) != 1 || syscall.Stat(found[0], &stat) != nil {
			return false
		}
		file = stat.Ino
		return true
	})
	return file
}

// rotated waits until the node has begun another file than that.
func (p *printing) rotated(file uint64) {
	p.t.Helper()
	p.c.until("a new file", func() bool { return p.file() != file })
	p.c.looked = time.Now()
}

// wantAll waits for the end of the run, and compares what it has of the output.
func (p *printing) wantAll(bursts int) {
	p.t.Helper()
	if err := <-p.ended; err != nil {
		p.t.Errorf("%v\n%s", err, &p.out)
	}
	want := bytes.NewBufferString(ready)
	for i := 1; i <= bursts*burstLines; i++ {
		_, _ = fmt.Fprintf(want, "%099d\n", i)
	}
	want.WriteString("KOG:{\"result\":\"success\",\"message\":\"done\"}\n")
	got, err := os.ReadFile(p.log())
	if err != nil {
		p.t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		p.t.Errorf("the output has %d bytes, want %d; it is other than it should be after %d", len(got), want.Len(), same(got, want.Bytes()))
	}
	if text := p.journal(); strings.Contains(text, "containerLogMaxSize") {
		p.t.Errorf("nothing is missing, and kog says it is: %s", text)
	}
	wantNothingLeft(p.t, p.c.world)
}

func (p *printing) journal() string {
	text, err := os.ReadFile(filepath.Join(p.dir, "runs", "rotates", "events.ndjson"))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

func same(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func (c *rotating) findOutWhen(t *testing.T) {
	defer c.during(t)()
	p := c.print(t, "echo ready; n=0; "+burst+rotationDone+"while [ ! -e /go/end ]; do /bin/busybox sleep 0.05; done")
	file := p.file()
	p.goOn("0")
	p.rotated(file)
	p.goOn("end")
	if err := <-p.ended; err != nil {
		t.Log(err) // its output may miss something
	}
}

func (c *rotating) rotatedWhileFollowed(t *testing.T) {
	defer c.during(t)()
	const bursts = 3
	p := c.print(t, "echo ready; n=0; while [ $n -lt "+strconv.Itoa(bursts)+" ]; do "+burst+"n=$((n+1)); done; "+rotationDone)
	for n := range bursts {
		file := p.file()
		p.goOn(strconv.Itoa(n))
		p.printed(len(ready) + (n+1)*burstLines*100)
		if n < bursts-1 {
			p.rotated(file)
		}
	}
	p.wantAll(bursts)
}

// The last line of the output is in a file that the node gives no more when the
// step ends.
func (c *rotating) rotatedBeforeSilence(t *testing.T) {
	defer c.during(t)()
	p := c.print(t, "echo ready; n=0; "+burst+rotationDone+"while [ ! -e /go/end ]; do /bin/busybox sleep 0.05; done")
	file := p.file()
	p.goOn("0")
	p.printed(len(ready) + burstLines*100)
	p.rotated(file)
	p.goOn("end")
	p.wantAll(1)
}

// What a node has deleted meanwhile is told, and the rest is there.
func (c *rotating) rotatedUnread(t *testing.T) {
	defer c.during(t)()
	const bursts = 8
	p := c.print(t, "echo ready; n=0; while [ $n -lt "+strconv.Itoa(bursts)+" ]; do "+burst+"n=$((n+1)); done; "+rotationDone)
	p.goOn("0")
	p.printed(len(ready) + burstLines*100)
	// It is stopped first, so that nobody reads while it is started again.
	if err := syscall.Kill(c.pid("kube-apiserver"), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < bursts; n++ {
		file := p.file()
		p.goOn(strconv.Itoa(n))
		if n < bursts-1 {
			p.rotated(file)
		}
	}
	c.kill("kube-apiserver")
	if err := <-p.ended; err != nil {
		t.Log(err) // the result tells
	}
	if out := p.out.String(); !strings.Contains(out, `"status":"success","message":"done"`) {
		t.Errorf("want a success, got %s", out)
	}
	if text := p.journal(); !strings.Contains(text, "the log is not complete") || !strings.Contains(text, "containerLogMaxSize") {
		t.Errorf("it is not told that something is missing: %s", text)
	}
	got, err := os.ReadFile(p.log())
	if err != nil {
		t.Fatal(err)
	}
	first, last := fmt.Sprintf("%099d\n", burstLines), fmt.Sprintf("%099d\nKOG:", bursts*burstLines)
	if !bytes.Contains(got, []byte(first)) || !bytes.Contains(got, []byte(last)) {
		t.Errorf("lines that were there before and after are missing, of %d bytes", len(got))
	}
	wantNothingLeft(t, c.world)
}
