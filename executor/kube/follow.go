package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

const (
	// followFor is how long a log may not be had before Follow fails. That is longer
	// than a run asks for the end in vain: then it goes on later.
	followFor = 6 * time.Minute
	// lateAfter is how long a log may go on after its container's end was seen
	// before it is read anew, without waiting for more.
	lateAfter = 10 * time.Second
	// stopSeen is how long Stop may take to see the end of a pod that is gone.
	stopSeen = time.Second
	// shortReadings is how often an ended container's log may end before what
	// was read of it already, until that counts as lost.
	shortReadings = 10
)

var readLogs = call{"get", "pods/log"}

// splitLogs remembers whether the cluster gives standard output and standard
// error apart.
type splitLogs struct {
	mu    sync.Mutex
	known bool
	yes   bool
}

// splits asks the cluster once. The parameter is looked at before the pod, so
// that any name will do.
// Source: the feature gate PodLogsQuerySplitStreams of Kubernetes.
func (e *Executor) splits(ctx context.Context) (bool, error) {
	e.split.mu.Lock()
	defer e.split.mu.Unlock()
	if e.split.known {
		return e.split.yes, nil
	}
	version, err := e.version(ctx)
	if err != nil {
		return false, err
	}
	if !version.atLeast(1, 32) {
		e.split.known = true
		return false, nil
	}
	err = e.core.Get().Namespace(e.namespace).Resource("pods").Name("kog-has-no-such-pod").SubResource("log").
		Param("container", containerName).Param("stream", "Stdout").Do(ctx).Error()
	if err != nil && !isRefusal(err) {
		return false, e.translate(ctx, readLogs, err)
	}
	e.split.known, e.split.yes = true, apierrors.IsNotFound(err)
	return e.split.yes, nil
}

// Follow copies the container's output; see executor.Process. Where the cluster
// does not tell standard error apart, all of it goes to stdout.
func (p *process) Follow(ctx context.Context, stdout, stderr io.Writer) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := p.follow(ctx, stdout, stderr); err != nil {
		return fmt.Errorf("follow container %s: %w", p.handle.ID, err)
	}
	return nil
}

func (p *process) follow(ctx context.Context, stdout, stderr io.Writer) error {
	if _, err := p.job(ctx); err != nil {
		return err
	}
	split, err := p.exec.splits(ctx)
	if err != nil {
		return err
	}
	pod, _, err := p.exec.findPod(ctx, p.namespace, p.handle.ID, p.owner)
	switch {
	case err != nil:
		return err
	case pod == nil:
		return errNoPod
	case overWithout(pod):
		return nil // it never had any output
	}
	if _, done, _ := endOf(sight{pod: pod}); done {
		exit := exitOf(pod, terminated(pod))
		p.known(&exit)
	}
	if !split {
		return p.followStream(ctx, source{pod: pod.Name}, stdout)
	}
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return p.followStream(ctx, source{pod.Name, "Stdout"}, stdout) })
	both.Go(func() error { return p.followStream(ctx, source{pod.Name, "Stderr"}, stderr) })
	return both.Wait()
}

// source is a log. An empty stream stands for both together.
type source struct{ pod, stream string }

// followStream reads a log until the container has ended and a reading after
// that has brought nothing new. A stream of the API may break off at any time
// and look as if it had ended well.
func (p *process) followStream(ctx context.Context, from source, w io.Writer) error {
	c := &cursor{w: w, good: time.Now()}
	var wait backoff
	// atEnd: a reading came to the end while the container ran, or so it seems.
	short, atEnd := 0, false
	for {
		over := p.known(nil) != nil
		err := p.readLog(ctx, c, from, !over)
		switch {
		case c.failed != nil:
			return c.failed
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case isGone(err) && p.podIsGone(ctx):
			return p.unlessStopped(ctx, atEnd, err)
		case err == nil && over && c.complete() && c.reading.fresh == 0:
			return c.missed()
		case err == nil && over && atEnd && c.empty():
			return c.missed() // the node has begun a new file since, and there is nothing in it
		case err == nil && over && !c.complete():
			if short++; short >= shortReadings {
				return errRotated
			}
		case errors.Is(err, errTimeless) && over && !c.timeless && from.stream != "" && p.givesTimes(ctx, from.pod):
			c.timeless = true
			continue
		case err != nil && time.Since(c.good) > followFor:
			return err
		}
		if c.reading.fresh > 0 {
			short = 0
			wait.reset()
		}
		if over && err == nil && c.complete() {
			continue // once more, to be sure
		}
		if !over {
			switch {
			case err != nil:
				atEnd = false
			case c.complete() || !c.empty():
				atEnd = c.complete()
			}
			if over, err = p.hasEnded(ctx); err != nil && !errors.Is(err, executor.ErrEngineGone) {
				return p.unlessStopped(ctx, atEnd, err)
			}
		}
		if !over || err != nil {
			if err := wait.pause(ctx); err != nil {
				return err
			}
		}
	}
}

// podIsGone: a kubelet that was just started does not know its pods yet, and
// says that there is none, as the API server does of one that is gone.
func (p *process) podIsGone(ctx context.Context) bool {
	pod, _, err := p.exec.findPod(ctx, p.namespace, p.handle.ID, p.owner)
	return err == nil && pod == nil
}

// unlessStopped makes no error of a pod that went with Stop, when its log was
// read until the node ended it.
func (p *process) unlessStopped(ctx context.Context, atEnd bool, err error) error {
	if !atEnd || !isGone(err) {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(stopSeen):
	}
	if p.recorded(ctx) == nil {
		return err
	}
	return nil
}

// hasEnded asks the cluster whether the container has ended.
func (p *process) hasEnded(ctx context.Context) (bool, error) {
	if p.known(nil) != nil {
		return true, nil
	}
	pod, _, err := p.exec.findPod(ctx, p.namespace, p.handle.ID, p.owner)
	if err != nil {
		return false, err
	}
	exit, done, err := endOf(sight{pod: pod, gone: pod == nil})
	if done {
		p.known(&exit)
	}
	return done, err
}

// readLog reads the log once, from where the cursor is.
func (p *process) readLog(ctx context.Context, c *cursor, from source, follow bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if follow {
		defer p.afterEnd(lateAfter, cancel)()
	}
	r := p.exec.core.Get().Namespace(p.namespace).Resource("pods").Name(from.pod).SubResource("log").
		Param("container", containerName).Param("timestamps", "true")
	if since := c.begin(); !since.IsZero() {
		r.Param("sinceTime", since.Format(time.RFC3339))
	}
	if follow {
		r.Param("follow", "true")
	}
	if from.stream != "" {
		r.Param("stream", from.stream)
	}
	log, err := r.Stream(ctx)
	if err != nil {
		return p.exec.translate(ctx, readLogs, err)
	}
	defer func() { _ = log.Close() }() // it was read to its end, or there is no use for the rest
	opened := time.Now()
	_, err = io.CopyBuffer(c, log, make([]byte, 64<<10))
	c.note(time.Since(opened))
	if err == nil && !follow {
		err = c.end()
	}
	return err
}

// givesTimes reports whether the log of both streams begins as a log does. Of one
// stream a node gives lines without a time: those after a line of the other one
// that has not ended.
// Source: ReadLogs of k8s.io/cri-client, which remembers one end of a line for both.
func (p *process) givesTimes(ctx context.Context, pod string) bool {
	log, err := p.exec.core.Get().Namespace(p.namespace).Resource("pods").Name(pod).SubResource("log").
		Param("container", containerName).Param("timestamps", "true").Param("limitBytes", "65536").Stream(ctx)
	if err != nil {
		return false
	}
	defer func() { _ = log.Close() }() // it was read to its end, or there is no use for the rest
	c := &cursor{w: io.Discard}
	c.begin()
	_, err = io.Copy(c, log)
	return err == nil && !c.empty()
}

// afterEnd calls f some time after the container's end was seen, unless the
// function it returns is called before.
func (p *process) afterEnd(d time.Duration, f func()) (stop func()) {
	done := make(chan struct{})
	go func() {
		select {
		case <-done:
			return
		case <-p.ended:
		}
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-done:
		case <-timer.C:
			f()
		}
	}()
	return sync.OnceFunc(func() { close(done) })
}
