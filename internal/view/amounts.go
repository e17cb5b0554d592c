package view

import (
	"fmt"
	"strings"
	"time"
)

// clock is a time that runs, in whole seconds: 5s, 1m05s, 2h01m.
func clock(d time.Duration) string {
	d = max(0, d)
	switch s := int(d / time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", s)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	default:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
}

// short is how long something took: 35ms, 1.2s, 1m05s.
func short(d time.Duration) string {
	switch d = max(0, d); {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Truncate(100*time.Millisecond).Seconds())
	}
	return clock(d)
}

// limit is a time as somebody would write it down: 30s, 2m, 1h30m.
func limit(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f", float64(n)/1e6) }

func steps(n int) string {
	if n == 1 {
		return "1 step"
	}
	return fmt.Sprintf("%d steps", n)
}
