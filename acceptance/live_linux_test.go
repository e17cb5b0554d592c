package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const fails = `echo 'KOG:{"result":"failure","rc":7,"message":"fan 3 does not turn"}'`

func TestLiveView(t *testing.T) {
	term, g := newTerminal(t, 80, 24), newGate(t)
	term.run(term.job("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; done; "+waits+fails), g.volume(), "--run-id live")
	s := term.until(`^  │ line 12$`)
	for _, want := range []string{
		`^on a terminal  step 1, \d+s  run live$`, `^● start  \d+s of 1h  ─{12}  script$`, `^  │ line 6$`,
		`^  next success, failure → last   abort → clean   timeout → end$`,
	} {
		if !regexp.MustCompile("(?m)" + want).MatchString(s) {
			t.Errorf("no %q while the step runs:\n%s", want, s)
		}
	}
	if strings.Contains(s, "line 5\n") {
		t.Errorf("more output than the last lines:\n%s", s)
	}
	g.open(t)
	term.until(`^rc 1$`)
	s = term.all()
	for _, want := range []string{
		`^on a terminal  run live, executor native\n✗ start `, `^✗ start +\S+  failure, rc 7: fan 3 does not turn\n  │ line 3\n`,
		`^  │ line 12\n✓ last +\S+  said by the built-in image\n\n  step +outcome`, `^✗ start  failure +\S+ +1  fan 3 does not turn\n✓ last   success`,
		`^✗ failure: fan 3 does not turn\n  2 steps in \S+, run live\n  output in \S+/runs/live/logs\n\n\{"correlation_id"`,
	} {
		if !regexp.MustCompile("(?m)" + want).MatchString(s) {
			t.Errorf("no %q after the end:\n%s", want, s)
		}
	}
	if strings.Contains(s, "●") || strings.Contains(s, "next ") {
		t.Errorf("the area is not cleared:\n%s", s)
	}
}

// Whatever sizes the terminal takes meanwhile, nothing is torn and no
// permanent line is lost.
func TestLiveViewIsResized(t *testing.T) {
	term, g := newTerminal(t, 100, 30), newGate(t)
	script := "for i in 1 2 3; do echo a line of output that is longer than forty cells, number $i; done; " + waits + fails
	term.run(term.job(script), g.volume(), "--run-id resize")
	term.until(`number 3$`)
	for _, size := range [][2]int{{40, 30}, {20, 30}, {60, 16}, {40, 12}} {
		term.resize(size[0], size[1])
		term.until(fmt.Sprintf(`^  │ a line.{%d}…$`, size[0]-6-len("a line")))
	}
	term.resize(120, 40)
	s := term.until(`(?s)● start  \d+s of 1h .*number 1\n.*number 3\n  next success`)
	if n := strings.Count(term.all(), "● start"); n != 1 {
		t.Errorf("the open step is there %d times:\n%s", n, s)
	}
	// Too small for the view as it was: some of it is out of reach then.
	term.resize(10, 3)
	term.until(`^● start …$`)
	term.resize(80, 24)
	g.open(t)
	term.until(`^rc 1$`)
	s = term.all()
	if !strings.Contains(s, "on a terminal  run resize") || !strings.Contains(s, "✗ start") || !strings.Contains(s, "2 steps in") {
		t.Errorf("permanent lines are lost:\n%s", s)
	}
}

func TestLiveViewOnANarrowTerminal(t *testing.T) {
	term, g := newTerminal(t, 20, 14), newGate(t)
	term.run(term.job("echo 0123456789012345678901234567890; "+waits+fails), g.volume(), "--run-id narrow", ">/dev/null")
	s := term.until(`^  │ 01234567890123…$`)
	if !strings.Contains(s, "\n● start  ") || !strings.Contains(s, "\n  success, failure…\n") {
		t.Errorf("narrow:\n%s", s)
	}
	g.open(t)
	term.until(`^rc 1$`)
	if s := term.all(); !strings.Contains(s, "\n    fan 3 does not\n    turn\n") {
		t.Errorf("the message is not folded:\n%s", s)
	}
}

func TestLiveViewAndSignals(t *testing.T) {
	t.Run("once", func(t *testing.T) {
		term := newTerminal(t, 100, 30)
		term.run(term.job("trap 'exit 1' TERM; echo asleep; while :; do /bin/busybox sleep 0.05; done"))
		term.until(`│ asleep`)
		term.must("send-keys", "C-c")
		term.until(`^rc 2$`)
		s := term.all()
		if !regexp.MustCompile(`(?m)^kog: interrupt: stopping the open step.*\n■ start +\S+  abort, rc 130: interrupted\n  │ asleep\n✓ clean .*\n✓ last `).MatchString(s) ||
			strings.Contains(s, "●") {
			t.Errorf("after Ctrl-C:\n%s", s)
		}
		term.usable()
	})
	t.Run("twice", func(t *testing.T) {
		term, g := newTerminal(t, 100, 30), newGate(t)
		term.run(term.job("trap '' TERM; echo asleep; "+waits+fails), g.volume(), "--grace 1m --run-id twice")
		term.until(`│ asleep`)
		term.must("send-keys", "C-c")
		term.until(`stopping, outcome abort, killed in \d+s: interrupted`)
		term.must("send-keys", "C-c")
		term.until(`^rc 125$`)
		s := term.all()
		if !regexp.MustCompile(`(?m)^● start +\S+  left as it is\nkog: .*second signal`).MatchString(s) || strings.Contains(s, "asleep\n  next") {
			t.Errorf("after the second Ctrl-C:\n%s", s)
		}
		term.usable()
		g.open(t)
		term.goOn("twice")
	})
	t.Run("killed", func(t *testing.T) {
		term, g := newTerminal(t, 100, 30), newGate(t)
		term.before = fmt.Sprintf(`sh -c 'echo $$ >%s/pid; exec "$@"' sh`, g.dir)
		term.run(term.job("echo asleep; "+waits+fails), g.volume(), "--run-id killed")
		term.until(`│ asleep`)
		pid, err := os.ReadFile(filepath.Join(g.dir, "pid"))
		if err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("kill", "-KILL", strings.TrimSpace(string(pid))).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		term.until(`^rc 137$`)
		term.usable()
		g.open(t)
		term.goOn("killed")
	})
}

// esc is a script that prints what would move the cursor, clear the screen, go
// to the alternate screen, change the title and the colours, and ring the bell.
const esc = `printf '\033[2J\033[H\033[?1049h\033]0;title\007\033[41mhome\033[31m\007\b\b\b\n\302\2332Jc1\n\033[5Aup\r\nwide 漢字\n'; `

func TestEscapesOfContainersDoNothing(t *testing.T) {
	t.Run("live", func(t *testing.T) {
		term, g := newTerminal(t, 80, 24), newGate(t)
		term.run(term.job(esc+waits+fails), g.volume())
		s := term.until(`^  │ wide 漢字$`)
		if !strings.Contains(s, "on a terminal  run ") || !strings.Contains(s, "\n  │ home\n  │ c1\n  │ up\n  │ wide 漢字\n  next success") {
			t.Errorf("on the screen:\n%s", s)
		}
		g.open(t)
		term.until(`^rc 1$`)
		if colored := term.must("capture-pane", "-p", "-e"); strings.Contains(colored, "\x1b[41m") {
			t.Errorf("the container's colour:\n%q", colored)
		}
		if title := term.must("display-message", "-p", "#{pane_title}"); strings.Contains(title, "title") {
			t.Errorf("the container's title: %s", title)
		}
		term.usable()
	})
	for _, format := range []string{"logfmt", "json"} {
		t.Run("plain "+format, func(t *testing.T) {
			term := newTerminal(t, 200, 50)
			term.run(term.job(esc+fails), "--output plain", "--log-formatter "+format)
			s := term.until(`^rc 1$`)
			if !strings.Contains(s, "run started") || !strings.Contains(s, "wide 漢字") {
				t.Errorf("on the screen:\n%s", s)
			}
			term.usable()
		})
	}
}

func TestColorsAndCharacterSets(t *testing.T) {
	for name, tc := range map[string]struct {
		env  []string
		want []string
		not  []string
	}{
		"colour":   {nil, []string{"\x1b[31m", "✗", "→"}, nil},
		"NO_COLOR": {[]string{"NO_COLOR=1"}, []string{"✗", "→"}, []string{"\x1b["}},
		"ASCII":    {[]string{"LC_ALL=C"}, []string{"  | wide ????", "failure > "}, []string{"✗", "→", "漢"}},
	} {
		t.Run(name, func(t *testing.T) {
			term, g := newTerminal(t, 80, 24, tc.env...), newGate(t)
			term.run(term.job("echo 'wide 漢字'; "+waits+fails), g.volume())
			term.until(`wide `)
			s := term.must("capture-pane", "-p", "-e")
			g.open(t)
			term.until(`^rc 1$`)
			s += term.must("capture-pane", "-p", "-e")
			for _, want := range tc.want {
				if !strings.Contains(s, want) {
					t.Errorf("no %q in\n%q", want, s)
				}
			}
			for _, not := range tc.not {
				if strings.Contains(s, not) {
					t.Errorf("%q in\n%q", not, s)
				}
			}
		})
	}
}

// Where the cursor cannot be moved, or nobody watches, the output is plain.
func TestPlainOnSomeTerminals(t *testing.T) {
	for name, tc := range map[string]struct {
		env  string
		flag string
		live bool
		note bool
	}{
		"dumb":           {"TERM=dumb", "", false, false},
		"dumb, but live": {"TERM=dumb", "--output live", false, true},
		"CI":             {"CI=true", "", false, false},
		"CI, but live":   {"CI=true", "--output live", true, false},
		"CI=false":       {"CI=false", "", true, false},
		"redirected":     {"A=b", "2>&1 | cat", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			term := newTerminal(t, 200, 50, tc.env)
			term.run(term.job(fails), tc.flag)
			s := term.until(`^rc [01]$`)
			if live := strings.Contains(s, "2 steps in"); live != tc.live {
				t.Errorf("live: %v, want %v:\n%s", live, tc.live, s)
			}
			if note := strings.Contains(s, "no live view"); note != tc.note {
				t.Errorf("a note: %v, want %v:\n%s", note, tc.note, s)
			}
		})
	}
}
