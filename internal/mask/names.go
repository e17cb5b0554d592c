package mask

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// MinLength is the length in characters from which a value is masked.
const MinLength = 4

// maxSmallNumber is how many digits a number may have that is not masked.
const maxSmallNumber = 5

// Patterns are the names of variables that are secret without being named, in
// any case of letters. A "*" stands for any text.
func Patterns() []string {
	return []string{
		"*PASSWORD*", "*PASSWD*", "*PASSPHRASE*", "PASS", "*_PASS", "*_PWD",
		"*TOKEN*", "*SECRET*", "*CREDENTIAL*",
		"*API_KEY*", "*APIKEY*", "*ACCESS_KEY*", "*PRIVATE_KEY*", "*SIGNING_KEY*", "*ENCRYPTION_KEY*",
	}
}

// Secret reports whether the name of a variable says that its value is secret.
func Secret(name string) bool {
	name = strings.ToUpper(name)
	return slices.ContainsFunc(Patterns(), func(pattern string) bool { return matches(pattern, name) })
}

// matches knows patterns with a "*" at either end.
func matches(pattern, name string) bool {
	core := strings.Trim(pattern, "*")
	switch front, back := strings.HasPrefix(pattern, "*"), strings.HasSuffix(pattern, "*"); {
	case front && back:
		return strings.Contains(name, core)
	case front:
		return strings.HasSuffix(name, core)
	case back:
		return strings.HasPrefix(name, core)
	}
	return name == core
}

// Common are the words that are never masked, in any case of letters: who
// masks them makes every log unreadable, and hides nothing.
func Common() []string {
	return []string{
		"true", "false", "yes", "no", "on", "off", "none", "null", "nil", "undefined",
		"enabled", "disabled", "default", "auto", "localhost", "root", "admin", "user", "guest", "test",
		"debug", "info", "warning", "error", "success", "failure", "abort", "timeout",
	}
}

// harmless reports whether a value is too short or too common to be masked.
func harmless(value string) bool {
	value = strings.TrimSpace(value)
	switch n := utf8.RuneCountInString(value); {
	case n < MinLength:
		return true
	case n <= maxSmallNumber && strings.Trim(value, "0123456789") == "":
		return true
	case strings.Count(value, firstRune(value)) == n: // one character, again and again
		return true
	}
	return slices.Contains(Common(), strings.ToLower(value))
}

func firstRune(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}
