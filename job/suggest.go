package job

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	// maxSuggested is the length in bytes up to which a name gets a suggestion.
	maxSuggested = 64
	// maxCompared is how many names of a fitting length one name is compared
	// with, so that a suggestion never takes long.
	maxCompared = 5000
)

func keys[M ~map[string]V, V any](m M) []string { return slices.Sorted(maps.Keys(m)) }

// suggestion is the hint at the nearest of the known names. It is only
// computed when it is printed.
type suggestion struct {
	name  string
	known []string
}

func suggest(name string, known []string) suggestion { return suggestion{name, known} }

// String gives ` (did you mean "x"?)`, or nothing when no known name is near
// enough to be a slip of the fingers.
func (s suggestion) String() string {
	if best := nearest(s.name, s.known); best != "" {
		return fmt.Sprintf(" (did you mean %q?)", best)
	}
	return ""
}

// nearest finds the known name with the smallest distance, the first of them
// when there are several. One edit is allowed for three characters, but at
// least three characters have to be there: every short name is near another.
// Upper and lower case do not count. When none is that near, a name that goes
// on where the other ends will do.
func nearest(name string, known []string) string {
	if len(name) > maxSuggested {
		return ""
	}
	lower := []rune(strings.ToLower(name))
	best, extended, limit, compared := "", "", len(lower)/3, 0
	for _, k := range known {
		if strings.EqualFold(k, name) && k != name {
			return k
		}
		if k == name || len(k) > 2*maxSuggested || compared == maxCompared {
			continue
		}
		if min(len(k), len(name)) >= 3 && (strings.HasPrefix(k, name) || strings.HasPrefix(name, k)) {
			extended = cmp.Or(extended, k)
		}
		other := []rune(strings.ToLower(k))
		if diff := len(other) - len(lower); diff > limit || -diff > limit {
			continue
		}
		compared++
		// From the first hit on only a nearer name is better.
		if d := distance(lower, other); d <= limit {
			best, limit = k, d-1
		}
	}
	return cmp.Or(best, extended)
}

// distance is the optimal string alignment distance: edits and swaps of
// neighbours.
func distance(a, b []rune) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i, ca := range a {
		prev2, prev, cur := rows[0], rows[1], rows[2]
		cur[0] = i + 1
		for j, cb := range b {
			cost := 1
			if ca == cb {
				cost = 0
			}
			cur[j+1] = min(prev[j+1]+1, cur[j]+1, prev[j]+cost)
			if i > 0 && j > 0 && ca == b[j-1] && a[i-1] == cb {
				cur[j+1] = min(cur[j+1], prev2[j-1]+1)
			}
		}
		rows[0], rows[1], rows[2] = prev, cur, prev2
	}
	return rows[1][len(b)]
}
