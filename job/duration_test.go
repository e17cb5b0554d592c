package job_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gitlab.com/f5-pwe/kog/v3/job"
)

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	tests := map[string]time.Duration{
		"30s": 30 * time.Second, "5m": 5 * time.Minute, "1h30m": 90 * time.Minute, "2d": 2 * day,
		"1d12h": 36 * time.Hour, "1w": 7 * day, "1w2d3h4m5s": 9*day + 3*time.Hour + 4*time.Minute + 5*time.Second,
		"1.5h": 90 * time.Minute, "1.5d": 36 * time.Hour, "0.5w": 84 * time.Hour, ".5s": 500 * time.Millisecond, "1.s": time.Second,
		"500ms": 500 * time.Millisecond, "7us": 7 * time.Microsecond, "7µs": 7 * time.Microsecond, "7μs": 7 * time.Microsecond, "1ns": 1,
		"+5m": 5 * time.Minute, "1h1h": 2 * time.Hour, "1h1d": 25 * time.Hour, "0h1m": time.Minute,
		"9223372036854775807ns": math.MaxInt64,
	}
	for text, want := range tests {
		if got, err := job.ParseDuration(text); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestParseDurationErrors(t *testing.T) {
	const unit, zero, long, help = "it has no unit", "longer than zero", "longer than 292 years", "write numbers with units"
	tests := map[string]string{
		"30": unit, "1h30": unit, "1.5": unit, "+3": unit, "-3": unit,
		"0": zero, "0s": zero, "-5m": zero, "-0s": zero, "0.1ns": zero, "0d0h": zero,
		"300y": help, "": help, "+": help, "-": help, "h": help, "1 h": help, " 1h": help, "5 minutes": help, "PT5M": help,
		"1H": help, "1D": help, "1..5h": help, ".h": help, "1.2.3d": help, "1h-5m": help, "--5m": help, "1e3s": help, "0x5s": help,
		"\u0663s": help, "d": help, "true": help,
		"16000w": long, "200000d": long, "9223372036854775808ns": long, "2562047h1h": long, "99999999999999999999999h": long,
	}
	for text, want := range tests {
		got, err := job.ParseDuration(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %v, %v; want an error with %q", text, got, err, want)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	tests := map[time.Duration]string{
		30 * time.Minute: "30m", 36 * time.Hour: "36h", 90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s",
		10 * time.Second: "10s", 10 * time.Minute: "10m", 10 * time.Hour: "10h", 1500 * time.Millisecond: "1.5s", 1: "1ns",
	}
	for d, want := range tests {
		if got := job.FormatDuration(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}

func TestDurationRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(1, math.MaxInt64).Draw(t, "duration"))
		if got, err := job.ParseDuration(job.FormatDuration(d)); err != nil || got != d {
			t.Fatalf("%d is written %q and read as %d, %v", d, job.FormatDuration(d), got, err)
		}
	})
}
