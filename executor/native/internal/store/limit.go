package store

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	maxLayerEnv  = "KOG_MAX_LAYER_SIZE"
	minimumLimit = 4 << 30
	maximumRatio = 200
)

// limitFor is how many bytes a layer of that stored size may unpack to.
func (s *Store) limitFor(stored int64) int64 {
	if s.opts.MaxLayer > 0 {
		return s.opts.MaxLayer
	}
	if stored > math.MaxInt64/maximumRatio {
		return math.MaxInt64
	}
	return max(minimumLimit, stored*maximumRatio)
}

// parseSize reads a number of bytes with an optional suffix K, M, G or T
// (powers of 1024). The empty string is 0.
func parseSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	digits := s
	shift := 0
	if i := strings.IndexByte("KMGT", strings.ToUpper(s)[len(s)-1]); i >= 0 {
		digits, shift = s[:len(s)-1], 10*(i+1)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64>>shift {
		return 0, errors.New("want a positive number of bytes, or one with a suffix K, M, G or T")
	}
	return n << shift, nil
}

// size writes a number of bytes for people.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1024, 0
	for value >= 1023.95 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}
