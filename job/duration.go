package job

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// dayUnits are the units that Go's durations do not have.
var dayUnits = map[string]int64{"d": 24, "w": 7 * 24}

const durationHelp = "write numbers with units, such as 30s, 5m, 1h30m or 2d (ns, us, ms, s, m, h, d, w)"

// ParseDuration reads a duration that is longer than nothing: Go's durations
// with the units d for 24 hours and w for 7 days on top, "1d12h". A bare
// number has no meaning and is an error.
//
// Source of the units: Go, time.ParseDuration.
func ParseDuration(s string) (time.Duration, error) {
	d, err := parseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("duration %s: %w", quote(s), err)
	}
	return d, nil
}

func parseDuration(s string) (time.Duration, error) {
	var total time.Duration
	rest := strings.TrimPrefix(s, "+")
	negative := strings.HasPrefix(rest, "-")
	rest = strings.TrimPrefix(rest, "-")
	if rest == "0" {
		return 0, errors.New("it must be longer than zero")
	}
	for first := true; first || rest != ""; first = false {
		const digits = "0123456789."
		amount := rest[:len(rest)-len(strings.TrimLeft(rest, digits))]
		rest = rest[len(amount):]
		unit := rest
		if i := strings.IndexAny(rest, digits); i >= 0 {
			unit = rest[:i]
		}
		rest = rest[len(unit):]
		if amount != "" && unit == "" {
			return 0, errors.New("it has no unit: " + durationHelp)
		}
		part, err := parsePart(amount, unit)
		if err != nil {
			return 0, err
		}
		if part > math.MaxInt64-total {
			return 0, errTooLong
		}
		total += part
	}
	if negative || total == 0 {
		return 0, errors.New("it must be longer than zero")
	}
	return total, nil
}

var errTooLong = errors.New("it is longer than 292 years")

// parsePart reads one amount with its unit.
func parsePart(amount, unit string) (time.Duration, error) {
	hours, isDay := dayUnits[unit]
	if isDay {
		unit = "h"
	} else {
		hours = 1
	}
	one, err := time.ParseDuration("1" + unit)
	if err != nil || amount == "" {
		return 0, errors.New(durationHelp)
	}
	part, err := time.ParseDuration(amount + unit)
	if err != nil {
		// The unit is right. What is left is a number that is none, or too big.
		if strings.Count(amount, ".") > 1 || strings.Trim(amount, ".") == "" || one == 0 {
			return 0, errors.New(durationHelp)
		}
		return 0, errTooLong
	}
	if int64(part) > math.MaxInt64/hours {
		return 0, errTooLong
	}
	return part * time.Duration(hours), nil
}

// FormatDuration writes a duration as ParseDuration reads it, without the
// units that are zero: "1h30m", "500ms".
func FormatDuration(d time.Duration) string {
	s := d.String()
	if short := strings.TrimSuffix(s, "m0s"); short != s {
		s = short + "m"
	}
	if short := strings.TrimSuffix(s, "h0m"); short != s {
		s = short + "h"
	}
	return s
}
