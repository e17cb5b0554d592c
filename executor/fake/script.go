package fake

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"time"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Play says how one execution of a container goes.
type Play struct {
	// Duration is how long it takes, before anything is printed.
	Duration time.Duration
	// Stdout and Stderr are lines to print.
	Stdout, Stderr []string
	// Result is the word of a result line that follows them: success, failure,
	// abort, timeout, or one of these behind remediate. Empty prints no such
	// line. RC, Message and Context go into it where they are set.
	Result  string
	RC      *int
	Message string
	Context map[string]any
	// Exit is how the container ends. Hang keeps it from ending by itself.
	Exit executor.Exit
	Hang bool
	// IgnoreTerm makes it deaf to SIGTERM. Otherwise that kills it.
	IgnoreTerm bool
}

// Script runs containers from lists of plays. Its Run is a Program:
//
//	s := &fake.Script{
//		Key:   fake.ByImage,
//		Plays: map[string][]fake.Play{"flash:1": {{Result: "failure"}, {Result: "success"}}},
//	}
//	host.SetFallback(fake.Image{Program: s.Run})
//
// The fields must not be changed once containers run.
type Script struct {
	// Key says which list an execution takes its play from. Default: ByImage.
	Key func(*Proc) string
	// Plays are used up one after the other; the last is repeated.
	Plays map[string][]Play
	// Default is for keys without plays.
	Default Play

	mu   sync.Mutex
	used map[string]int
}

// ByImage is the reference that the image was added under.
func ByImage(p *Proc) string { return p.Image }

// ByLabels joins the values of labels with slashes.
func ByLabels(names ...string) func(*Proc) string {
	return func(p *Proc) string {
		values := make([]string, len(names))
		for i, name := range names {
			values[i] = p.Spec.Labels[name]
		}
		return strings.Join(values, "/")
	}
}

// Run takes the next play of the container and plays it.
func (s *Script) Run(ctx context.Context, p *Proc) executor.Exit {
	return s.next(p).run(ctx, p)
}

func (s *Script) next(p *Proc) Play {
	key := ByImage
	if s.Key != nil {
		key = s.Key
	}
	k := key(p)
	list := s.Plays[k]
	if len(list) == 0 {
		return s.Default
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used == nil {
		s.used = map[string]int{}
	}
	i := min(s.used[k], len(list)-1)
	s.used[k] = i + 1
	return list[i]
}

func (p Play) run(ctx context.Context, proc *Proc) executor.Exit {
	if p.IgnoreTerm {
		proc.Catch()
	}
	if !proc.Sleep(ctx, p.Duration) {
		return executor.Exit{}
	}
	// A write fails only when the container was killed, and then nothing counts.
	_, _ = io.WriteString(proc.Stderr, lines(p.Stderr))
	_, _ = io.WriteString(proc.Stdout, lines(p.Stdout)+p.resultLine())
	if p.Hang {
		<-ctx.Done()
	}
	return p.Exit
}

func lines(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return strings.Join(list, "\n") + "\n"
}

// resultLine is in the form of the container contract.
func (p Play) resultLine() string {
	if p.Result == "" {
		return ""
	}
	doc, err := json.Marshal(struct {
		Result  string         `json:"result"`
		RC      *int           `json:"rc,omitzero"`
		Message string         `json:"message,omitempty"`
		Context map[string]any `json:"context,omitzero"`
	}{p.Result, p.RC, p.Message, p.Context})
	if err != nil {
		return "KOG:" + err.Error() + "\n" // a line that is no result, and says why
	}
	return "KOG:" + string(doc) + "\n"
}
