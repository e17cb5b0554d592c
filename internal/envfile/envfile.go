// Package envfile reads environment variables the three ways in which they
// are given to kog: dotenv files, NAME=VALUE flags, and its own environment.
//
// Values are secret. No error of this package contains one.
package envfile

import (
	"fmt"
	"strings"
)

// Lookup finds a variable in kog's own environment, as os.LookupEnv does.
type Lookup func(name string) (value string, ok bool)

// Flag reads one --env: NAME=VALUE, or NAME alone for a variable of kog's own
// environment, which has to be set.
func Flag(text string, lookup Lookup) (name, value string, err error) {
	name, value, given := strings.Cut(text, "=")
	switch {
	case name == "" && given:
		return "", "", fmt.Errorf("--env =...: the name is empty, want NAME=VALUE or NAME")
	case name == "":
		return "", "", fmt.Errorf("--env: empty, want NAME=VALUE or NAME")
	case given:
		return name, value, nil
	}
	value, ok := lookup(name)
	if !ok {
		return "", "", fmt.Errorf("--env %s: not set in the environment of kog, want %s=VALUE", name, name)
	}
	return name, value, nil
}

// Import takes the variables of environ (NAME=VALUE, as os.Environ gives
// them) except those that ignore names: exactly, or by a beginning that ends
// with a star ("AWS_*"; "*" alone ignores all). A star elsewhere is an error,
// and so is an empty pattern. Names are compared as they are written. Entries
// without a name, which Windows has, are left out.
func Import(environ, ignore []string) (map[string]string, error) {
	for _, pattern := range ignore {
		if pattern == "" {
			return nil, fmt.Errorf("--ignore-env: empty, want NAME or NAME_*")
		}
		if i := strings.IndexByte(pattern, '*'); i >= 0 && i < len(pattern)-1 {
			return nil, fmt.Errorf("--ignore-env %q: a star is allowed at the end only, want NAME or NAME_*", pattern)
		}
	}
	env := map[string]string{}
	for _, entry := range environ {
		name, value, ok := strings.Cut(entry, "=")
		if _, dup := env[name]; ok && name != "" && !dup && !ignored(name, ignore) {
			env[name] = value
		}
	}
	return env, nil
}

func ignored(name string, patterns []string) bool {
	for _, pattern := range patterns {
		if beginning, glob := strings.CutSuffix(pattern, "*"); name == pattern || glob && strings.HasPrefix(name, beginning) {
			return true
		}
	}
	return false
}
