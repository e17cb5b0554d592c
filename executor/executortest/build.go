package executortest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// ProbeVariable is the environment variable with the path of a built probe.
const ProbeVariable = "KOG_TEST_PROBE"

const probePackage = "gitlab.com/f5-pwe/kog/v3/executor/executortest/probe/cmd"

// BuildProbe builds the program of the suite's containers into a directory and
// returns its path: a static binary for Linux on this machine's architecture.
func BuildProbe(ctx context.Context, dir string) (string, error) {
	out := filepath.Join(dir, "probe")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, probePackage)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", probePackage, err, text)
	}
	return out, nil
}

func probePath(t *testing.T) string {
	t.Helper()
	if p := os.Getenv(ProbeVariable); p != "" {
		return p
	}
	p, err := BuildProbe(t.Context(), t.TempDir())
	if err != nil {
		t.Fatalf("%v (or set %s to a built one)", err, ProbeVariable)
	}
	return p
}
