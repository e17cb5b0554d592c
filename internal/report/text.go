package report

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// escapes are the sequences by which a terminal is told colours, places and
// titles.
// Source of the forms: ECMA-48, and xterm's control sequences for OSC.
var escapes = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b\n]*(?:\x07|\x1b\\\\)|[ -/]*[0-Z^-~])")
})

// clean makes text harmless wherever it is shown, and legal in XML 1.0:
// terminal sequences are dropped, other control characters become their
// pictures, and what is no character, or turns the direction of text, becomes
// U+FFFD. Lines end with \n.
func clean(s string) string {
	if strings.ContainsRune(s, '\x1b') {
		s = escapes().ReplaceAllString(s, "")
	}
	if strings.ContainsRune(s, '\r') {
		s = strings.ReplaceAll(s, "\r\n", "\n")
	}
	return strings.Map(cleanRune, strings.ToValidUTF8(s, "\ufffd"))
}

func cleanRune(r rune) rune {
	switch {
	case r == '\n', r == '\t':
		return r
	case r == '\r': // a terminal would begin the line anew
		return '\n'
	case r < 0x20:
		return 0x2400 + r
	case r == 0x7f:
		return 0x2421
	case 0x80 <= r && r < 0xa0, r == 0xfffe, r == 0xffff, 0x202a <= r && r <= 0x202e, 0x2066 <= r && r <= 0x2069:
		return 0xfffd
	}
	return r
}

// oneLine is clean text without line ends.
func oneLine(s string) string {
	return strings.TrimSpace(strings.ReplaceAll(clean(s), "\n", " "))
}

// took writes a duration as people want to read it: "38 ms", "4.2 s", "1h3m".
func took(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Truncate(100*time.Millisecond).Seconds())
	}
	return job.FormatDuration(d.Truncate(time.Second))
}

// tookOf adds the limit, when there is one.
func tookOf(v Visit) string {
	if v.Limit <= 0 {
		return took(v.Took())
	}
	return took(v.Took()) + " of " + job.FormatDuration(v.Limit)
}

// moment writes a time; all times are UTC.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

// size writes a number of bytes.
func size(n int64) string {
	if n < 10_000 {
		return fmt.Sprintf("%d bytes", n)
	}
	if n < 10_000_000 {
		return fmt.Sprintf("%d kB", n/1000)
	}
	return fmt.Sprintf("%d MB", n/1_000_000)
}

// count writes a number with its noun: "1 step", "2 steps".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
