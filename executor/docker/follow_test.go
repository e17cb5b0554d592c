package docker_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/executor/docker"
)

// The contract suite sees the same output whichever way it comes. On Docker the
// first reader gets all of it without the log.
func TestFollowWithoutLog(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		var said bytes.Buffer
		x, err := e.make(docker.Options{
			Host: e.host(), Builtin: images{},
			Logger: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		if err != nil {
			t.Fatal(err)
		}
		const size = 3 << 20
		p, err := x.Start(t.Context(), executor.Spec{
			ID: "kogtest-attached", Image: e.load(t, busyboxArchive(t)),
			Entrypoint: []string{"/bin/busybox", "sh", "-c", "/bin/busybox yes | /bin/busybox head -c 3145728; echo end >&2"},
			Labels:     map[string]string{"kog.test/case": "attached"},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := cleanupContext(t)
			defer cancel()
			if err := p.Remove(ctx); err != nil {
				t.Error(err)
			}
		})
		if got, want := x.Tapped(p.Handle().Ref), e.name == docker.Name; got != want {
			t.Errorf("attached: %t, want %t", got, want)
		}
		var out, errs bytes.Buffer
		if err := p.Follow(t.Context(), &out, &errs); err != nil {
			t.Fatal(err)
		}
		if out.String() != strings.Repeat("y\n", size/2) || errs.String() != "end\n" {
			t.Errorf("got %d bytes and %q, want %d bytes and the end", out.Len(), errs.String(), size)
		}
		if strings.Contains(said.String(), "going on with the log") {
			t.Error(said.String())
		}
	})
}
