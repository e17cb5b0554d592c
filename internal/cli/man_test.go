package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gitlab.com/f5-pwe/kog/v3/executor/executortest"
)

func commands(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		commands(sub, visit)
	}
}

func TestEveryCommandHasAPage(t *testing.T) {
	dir := t.TempDir()
	root := tree()
	if err := writeManual(root, dir); err != nil {
		t.Fatal(err)
	}
	pages, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	commands(root, func(cmd *cobra.Command) {
		count++
		data, err := os.ReadFile(filepath.Join(dir, pageName(cmd)+".1"))
		if err != nil {
			t.Error(err)
			return
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			row, ok := settingOf(cmd, f.Name)
			if !strings.Contains(string(data), `\fB`+roff("--"+f.Name)+`\fR`) || ok && !strings.Contains(string(data), "Variable "+row.variable()+".") {
				t.Errorf("the page of %s lacks --%s or its variable", cmd.CommandPath(), f.Name)
			}
		})
	})
	if count != len(pages) || count < 9 {
		t.Errorf("%d pages for %d commands", len(pages), count)
	}
}

// TestPagesRender lets man itself look for faults.
func TestPagesRender(t *testing.T) {
	man, err := exec.LookPath("man")
	if err != nil {
		executortest.Unavailable(t, "man", err.Error())
	}
	dir := t.TempDir()
	if err := writeManual(tree(), dir); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		var out, complaints bytes.Buffer
		cmd := exec.CommandContext(t.Context(), man, "--warnings", "-E", "UTF-8", "-l", page)
		cmd.Env = append(os.Environ(), "MANROFFSEQ=", "MANWIDTH=80", "LC_ALL=C.UTF-8")
		cmd.Stdout, cmd.Stderr = &out, &complaints
		if err := cmd.Run(); err != nil || complaints.Len() > 0 {
			t.Errorf("%s: %v\n%s", filepath.Base(page), err, &complaints)
		}
		if !strings.Contains(out.String(), "SYNOPSIS") {
			t.Errorf("%s:\n%s", filepath.Base(page), &out)
		}
	}
}

func TestRoff(t *testing.T) {
	got := roff(".a -b\n'c' `d`\n.e\\f")
	if want := `\&.a \-b` + "\n" + `\(aqc\(aq ` + "\\`d\\`" + "\n" + `\&.e\ef`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
