package executortest

import (
	"os"
	"slices"
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// RequireVariable is the environment variable that turns skips into failures.
// It is a list with commas: "docker" demands that the engine is there,
// "docker/memory-limit" one of its abilities, "docker/*" all of them.
const RequireVariable = "KOG_TEST_REQUIRE"

// Unavailable skips a test because an engine is not there, or fails it when
// KOG_TEST_REQUIRE names the engine.
func Unavailable(t testing.TB, engine, reason string) {
	t.Helper()
	missing(t, engine, reason)
}

func missing(t testing.TB, what, reason string) {
	t.Helper()
	if demanded(os.Getenv(RequireVariable), what) {
		t.Fatalf("%s demands %s: %s", RequireVariable, what, reason)
	}
	t.Skipf("%s: %s", what, reason)
}

func demanded(list, what string) bool {
	engine, _, isAbility := strings.Cut(what, "/")
	entries := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	return slices.Contains(entries, what) || isAbility && slices.Contains(entries, engine+"/*")
}

func featureKey(engine string, f executor.Feature) string {
	return engine + "/" + strings.ReplaceAll(string(f), " ", "-")
}
