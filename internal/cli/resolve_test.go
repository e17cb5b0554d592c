package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func slashed(path string) string { return filepath.FromSlash(path) }
func slashes(path string) string { return filepath.ToSlash(path) }

// place is a folder with files, a working directory and a user's configuration.
type place struct {
	t       *testing.T
	root    string
	environ []string
}

func newPlace(t *testing.T, files map[string]string) *place {
	t.Helper()
	p := &place{t: t, root: t.TempDir()}
	for name, text := range files {
		file := filepath.Join(p.root, slashed(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	work := filepath.Join(p.root, "work")
	if err := os.MkdirAll(work, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(work)
	p.environ = []string{"XDG_CONFIG_HOME=" + filepath.Join(p.root, "user")}
	return p
}

// kog runs a command. The root folder is called ROOT in what it printed.
func (p *place) kog(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = Main(args, &IO{Out: &o, Err: &e, Environ: p.environ})
	tidy := func(s string) string { return slashes(strings.ReplaceAll(s, p.root, "ROOT")) }
	return code, tidy(o.String()), tidy(e.String())
}

// value is what config says of a flag of run: the value, and where it is from.
func (p *place) value(flag string, flags ...string) string {
	p.t.Helper()
	code, out, errs := p.kog(append([]string{"config", "run", "--"}, flags...)...)
	if code != 0 {
		return strings.TrimSpace(errs)
	}
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); fields[0] == flag {
			return strings.Join(fields[1:], " ")
		}
	}
	p.t.Fatalf("no %s in\n%s", flag, out)
	return ""
}

func TestPrecedence(t *testing.T) {
	p := newPlace(t, map[string]string{
		"work/kog.yaml":        "max-steps: 3\nvolume: [./a:/a]\n",
		"user/kog/config.yaml": "grace: 4s\nmax-steps: 4\nvolume: [/u:/u, /v:/v]\nnetwork: host\n",
		"work/lab/job.yaml":    "",
	})
	for _, tc := range []struct{ name, variable, flag, want string }{
		{"max-steps", "", "", "3 ROOT/work/kog.yaml:1"},
		{"max-steps", "KOG_MAX_STEPS=2", "", "2 variable KOG_MAX_STEPS"},
		{"max-steps", "KOG_MAX_STEPS=2", "--max-steps=1", "1 flag"},
		{"max-steps", "KOG_MAX_STEPS=", "", "3 ROOT/work/kog.yaml:1"},
		{"grace", "", "", "4s ROOT/user/kog/config.yaml:1"},
		{"network", "", "--network=", "flag"},
		{"executor", "", "", "auto default"},
		// Lists are replaced.
		{"volume", "", "", "ROOT/work/a:/a ROOT/work/kog.yaml:2"},
		{"volume", "", "--volume=/x:/x", "/x:/x flag"},
		{"volume", "KOG_VOLUME=/y:/y\n/z:/z\n", "", "/y:/y, /z:/z variable KOG_VOLUME"},
		{"volume", "", "--file=lab/job.yaml", "ROOT/work/a:/a ROOT/work/kog.yaml:2"},
		{"env", "KOG_ENV=A=hunter2\nB", "", "A=***, B variable KOG_ENV"},
		{"context", "KOG_CONTEXT=x", "", "default"},
		{"context", "KOG_CONTEXT_SOURCE=c.yaml", "", "c.yaml variable KOG_CONTEXT_SOURCE"},
	} {
		with := *p
		with.environ = append([]string{tc.variable}, p.environ...)
		var flags []string
		if tc.flag != "" {
			flags = []string{tc.flag}
		}
		if got := with.value(tc.name, flags...); got != tc.want {
			t.Errorf("%s with %q and %q: %s, want %s", tc.name, tc.variable, tc.flag, got, tc.want)
		}
	}
}

func TestWhereTheProjectsFileIsSought(t *testing.T) {
	p := newPlace(t, map[string]string{
		"kog.yaml":             "max-steps: 1",
		"repo/kog.yaml":        "max-steps: 2",
		"repo/in/.git/HEAD":    "",
		"repo/in/a/b/job.yaml": "",
		"yml/kog.yml":          "max-steps: 3",
		"both/kog.yml":         "max-steps: 4",
		"both/kog.yaml":        "max-steps: 5",
		"jobs/kog.yaml":        "workflows: {}",
		"jobs/kog.yml":         "max-steps: 6",
		"shared/kog.yaml":      "max-steps: 7",
		"shared/sub/job.yaml":  "",
		"folder/kog.yaml/file": "",
		"list/kog.yaml":        "file: ../yml/job.yaml",
	})
	// Everybody may put files there. Windows has no such mode.
	if err := os.Chmod(filepath.Join(p.root, "shared"), 0o777|os.ModeSticky); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"":                             "1 ROOT/kog.yaml:1",
		"-":                            "1 ROOT/kog.yaml:1",
		"https://example.com/kog.yaml": "1 ROOT/kog.yaml:1",
		"../repo/x.yaml":               "2 ROOT/repo/kog.yaml:1",
		"../repo/in/a/b/job.yaml":      "1000 default",
		"../yml/job.yaml":              "3 ROOT/yml/kog.yml:1",
		"../yml/kog.yml":               "1 ROOT/kog.yaml:1", // it is the job
		"../both/job.yaml":             "5 ROOT/both/kog.yaml:1",
		"../jobs/job.yaml":             "6 ROOT/jobs/kog.yml:1",
		"../folder/job.yaml":           "1 ROOT/kog.yaml:1",
		"../shared/sub/job.yaml":       "1000 default",
	} {
		if got := p.value("max-steps", "--file="+file); got != want && (runtime.GOOS != "windows" || !strings.Contains(file, "shared")) {
			t.Errorf("job %q: %s, want %s", file, got, want)
		}
	}
	t.Chdir(filepath.Join(p.root, "list"))
	if got, want := p.value("file"), "ROOT/yml/job.yaml ROOT/list/kog.yaml:1"; got != want {
		t.Errorf("file: %s, want %s", got, want)
	}
	if _, out, _ := p.kog("config", "--", "-f", "../jobs/job.yaml"); !strings.HasPrefix(out,
		"# project: ROOT/jobs/kog.yml\n# user: none\n# a job, not read: ROOT/jobs/kog.yaml\n") {
		t.Errorf("got\n%s", out)
	}
}

func TestBadConfigFiles(t *testing.T) {
	for text, want := range map[string]string{
		"max-step: 1":           `kog.yaml:1:1: unknown key "max-step" in the file (did you mean "max-steps"?)`,
		"max-steps: many":       "kog.yaml:1:12: max-steps: want a whole number, not \"many\"\n     1 | max-steps: many\n",
		"strict: yes":           `kog.yaml:1:9: strict: want true or false, not "yes"`,
		"grace: 10":             `kog.yaml:1:8: grace: want a time such as 30s, 10m or 1h30m, not "10"`,
		"output: loud":          `kog.yaml:1:9: output: want auto, live, plain, json or quiet, not "loud"`,
		"doctor-output: quiet":  `kog.yaml:1:16: doctor-output: want plain or json, not "quiet"`,
		"volume: /a:/b":         "kog.yaml:1:9: volume must be a list, not text",
		"executor: [native]":    "kog.yaml:1:11: executor must be text, not a list",
		"help: true":            `kog.yaml:1:1: unknown key "help"`,
		"no-descriptions: true": `kog.yaml:1:1: unknown key "no-descriptions"`,
		"env: {A: hunter2}":     "kog.yaml:1:6: env must be a list, not an object",
		"evn: [A=hunter2]":      `kog.yaml:1:1: unknown key "evn" in the file (did you mean "env"?)`,
		"env: [A=hunter2":       "kog.yaml:",
	} {
		p := newPlace(t, map[string]string{"work/kog.yaml": text})
		for _, args := range [][]string{{"run", "-f", "job.yaml"}, {"doctor"}, {"config"}} {
			code, out, errs := p.kog(args...)
			if code != rcTrouble || out != "" || !strings.Contains(errs, "kog: ROOT/work/"+want) {
				t.Errorf("%v with %q: %d\n%s%s\nwant %s", args, text, code, out, errs, want)
			}
			if strings.Contains(errs, "hunter2") {
				t.Errorf("%v with %q shows the secret:\n%s", args, text, errs)
			}
		}
		// These have nothing to do with it.
		for _, args := range [][]string{{"version"}, {"completion", "bash"}, {"--help"}} {
			if code, _, errs := p.kog(args...); code != 0 || errs != "" {
				t.Errorf("%v with %q: %d\n%s", args, text, code, errs)
			}
		}
	}
	p := newPlace(t, map[string]string{"user/kog/config.yaml": "workflows: {}"})
	if _, _, errs := p.kog("doctor"); errs != "kog: config file ROOT/user/kog/config.yaml: the file has workflows: it is a job\n" {
		t.Errorf("a job as the user's config file: %s", errs)
	}
}

// TestAnnouncement: no project's file is used in silence.
func TestAnnouncement(t *testing.T) {
	for _, tc := range []struct{ project, user, variable, want string }{
		{"max-steps: 1", "", "", `level=INFO msg="config files read" project=ROOT/work/kog.yaml` + "\n"},
		{"max-steps: 1", "grace: 1s", "", `level=INFO msg="config files read" project=ROOT/work/kog.yaml user=ROOT/user/kog/config.yaml` + "\n"},
		{"output: quiet", "output: quiet", "", "project=ROOT/work/kog.yaml user="},
		{"", "output: quiet", "", ""},
		{"max-steps: 1", "", "KOG_OUTPUT=quiet", ""},
		{"output: quiet", "", "KOG_OUTPUT=quiet", ""},
		{"log-formatter: json", "", "", `"level":"INFO","msg":"config files read","project":`},
		{"workflows: {}", "", "", `msg="a job, not read as config file" file=ROOT/work/kog.yaml` + "\n"},
	} {
		p := newPlace(t, map[string]string{"work/kog.yaml": tc.project, "user/kog/config.yaml": tc.user})
		if tc.project == "" {
			if err := os.Remove("kog.yaml"); err != nil {
				t.Fatal(err)
			}
		}
		if tc.user == "" {
			if err := os.RemoveAll(filepath.Join(p.root, "user")); err != nil {
				t.Fatal(err)
			}
		}
		p.environ = append(p.environ, tc.variable)
		_, _, errs := p.kog("run", "-f", "missing.yaml")
		said, message, found := strings.Cut(errs, "kog: job file: read missing.yaml")
		if !found || message == "" || !strings.Contains(said, tc.want) || (said == "") != (tc.want == "") {
			t.Errorf("%+v:\n%s", tc, errs)
		}
	}
}

func TestConfigAsJSON(t *testing.T) {
	p := newPlace(t, map[string]string{"work/kog.yaml": "\nenv: [A=hunter2]\n"})
	p.environ = append(p.environ, "KOG_CONFIG_OUTPUT=json", "KOG_OUTPUT=quiet")
	_, out, _ := p.kog("config", "run", "--", "--max-steps", "3")
	var got configuration
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	byKey := map[string]settingValue{}
	for _, s := range got.Settings {
		byKey[s.Key] = s
	}
	want := map[string]settingValue{
		"env":       {"env", "env", "KOG_ENV", []any{"A=***"}, origin{"file", "ROOT/work/kog.yaml", 2}},
		"max-steps": {"max-steps", "max-steps", "KOG_MAX_STEPS", "3", origin{Source: "flag"}},
		"output":    {"output", "output", "KOG_OUTPUT", "quiet", origin{Source: "variable", Name: "KOG_OUTPUT"}},
		"volume":    {"volume", "volume", "KOG_VOLUME", []any{}, origin{Source: "default"}},
	}
	for key, w := range want {
		if diff := cmp.Diff(w, byKey[key]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	if got.Command != "kog run" || got.Project != "ROOT/work/kog.yaml" || len(got.Settings) != len(byKey) {
		t.Errorf("%+v", got)
	}
}

func TestConfigOfOtherCommands(t *testing.T) {
	p := newPlace(t, nil)
	p.environ = append(p.environ, "KOG_OUTPUT=quiet") // it is not doctor's
	_, out, _ := p.kog("config", "doctor", "--", "--executor", "native")
	for _, want := range []string{"executor native flag", "doctor-output plain default"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	for want, args := range map[string][]string{
		`unknown command "nope" for "kog"`:                   {"config", "nope"},
		`unknown command "kog run me"`:                       {"config", "run", "me"},
		`"kog version" has no flags that can be configured`:  {"config", "version"},
		`flags of "kog run" behind --: unknown flag: --fiel`: {"config", "--", "--fiel"},
		`unexpected argument "x" behind --`:                  {"config", "--", "x"},
		`--output: want plain or json, not "quiet"`:          {"config", "--output", "quiet"},
	} {
		if code, out, errs := p.kog(args...); code != rcTrouble || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%v: %d\n%s%s", args, code, out, errs)
		}
	}
}

// TestDocumentedConfigFile holds docs/configuration.md to its word: its file is
// one, and its findings are those of the file that it speaks of.
func TestDocumentedConfigFile(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(page), "```yaml\n")
	example, _, closed := strings.Cut(after, "```\n")
	if !ok || !closed {
		t.Fatal("the page has no config file")
	}
	p := newPlace(t, map[string]string{"work/kog.yaml": example, "wrong/kog.yaml": "max-stpes: 2\ngrace: soon\n"})
	if got, want := p.value("grace"), "30s ROOT/work/kog.yaml:3"; got != want {
		t.Errorf("grace: %s, want %s", got, want)
	}
	_, _, errs := p.kog("config", "--", "-f", "../wrong/job.yaml")
	if errs = strings.ReplaceAll(errs, "ROOT/wrong", "/lab"); !strings.Contains(string(page), "```text\n"+errs+"```\n") {
		t.Errorf("the page does not show\n%s", errs)
	}
}

// BenchmarkSettings is what every start of run costs more for its settings.
func BenchmarkSettings(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "kog.yaml"), []byte("max-steps: 3\nvolume: [./a:/a]\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	s := &IO{Environ: os.Environ()}
	for b.Loop() {
		run := newRunCommand(s)
		if err := run.ParseFlags([]string{"-f", filepath.Join(dir, "job.yaml")}); err != nil {
			b.Fatal(err)
		}
		if r, err := resolve(b.Context(), run, s); err != nil || len(r.files) != 1 {
			b.Fatal(r, err)
		}
	}
}
