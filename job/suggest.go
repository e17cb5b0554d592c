package job

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func keys[M ~map[string]V, V any](m M) []string { return slices.Sorted(maps.Keys(m)) }

// suggest gives ` (did you mean "x"?)` for the nearest of the known names, or
// nothing when none is near enough to be a slip of the fingers.
func suggest(name string, known []string) string {
	if best := nearest(name, known); best != "" {
		return fmt.Sprintf(" (did you mean %q?)", best)
	}
	return ""
}

func nearest(name string, known []string) string {
	best, bestDist := "", max(1, len(name)/3)+1
	for _, k := range known {
		if strings.EqualFold(k, name) && k != name {
			return k
		}
		if diff := len(k) - len(name); diff >= bestDist || -diff >= bestDist {
			continue
		}
		if d := distance(name, k); d < bestDist {
			best, bestDist = k, d
		}
	}
	return best
}

// distance is the optimal string alignment distance: edits and swaps of
// neighbours.
func distance(a, b string) int {
	ra, rb := []rune(a), []rune(b)
	rows := [3][]int{make([]int, len(rb)+1), make([]int, len(rb)+1), make([]int, len(rb)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i, ca := range ra {
		prev2, prev, cur := rows[0], rows[1], rows[2]
		cur[0] = i + 1
		for j, cb := range rb {
			cost := 1
			if ca == cb {
				cost = 0
			}
			cur[j+1] = min(prev[j+1]+1, cur[j]+1, prev[j]+cost)
			if i > 0 && j > 0 && ca == rb[j-1] && ra[i-1] == cb {
				cur[j+1] = min(cur[j+1], prev2[j-1]+1)
			}
		}
		rows[0], rows[1], rows[2] = prev, cur, prev2
	}
	return rows[1][len(rb)]
}

// isDigest recognises algorithm:hex as in the OCI image specification,
// "Descriptors, digests".
func isDigest(s string) bool {
	algo, hex, ok := strings.Cut(s, ":")
	if !ok || algo == "" || len(hex) < 32 {
		return false
	}
	return strings.Trim(hex, "0123456789abcdef") == ""
}
