package archtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func theTable(t *testing.T) table {
	t.Helper()
	tab, err := readTable(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestPackagesObeyTheTable(t *testing.T) {
	sources, err := readSources(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) < 10 {
		t.Fatalf("only %d files found", len(sources))
	}
	for _, fault := range check(theTable(t), sources) {
		t.Error(fault)
	}
}

func TestEveryModuleIsExplained(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(root, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	tab := theTable(t)
	for _, r := range append(tab.rows, tab.tests) {
		for _, m := range r.modules {
			if !strings.Contains(string(doc), "| `"+m+"` |") {
				t.Errorf("docs/dependencies.md does not explain %s, which %s may import", m, r.name)
			}
		}
	}
}

// TestLibraryBringsNoOtherModules follows the imports of the root package to
// their ends, on each system: whoever uses the library gets the modules of the
// rows that it reaches, and nothing that those drag along.
func TestLibraryBringsNoOtherModules(t *testing.T) {
	tab := theTable(t)
	for _, system := range []string{"linux", "darwin", "windows"} {
		cmd := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
		cmd.Dir = root
		cmd.Env = append(cmd.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list for %s: %v", system, err)
		}
		deps := strings.Fields(string(out))
		var allowed row
		for _, dep := range deps {
			if folder := ownFolder(dep); folder != "" {
				r, _ := tab.find(folder)
				allowed.modules = append(allowed.modules, r.modules...)
			}
		}
		if !slices.Contains(deps, module) {
			t.Fatalf("go list for %s: %v", system, deps)
		}
		for _, dep := range deps {
			if ownFolder(dep) == "" && !allowed.allows("", dep) {
				t.Errorf("on %s the root package brings in %s", system, dep)
			}
		}
	}
}

const smallTable = `
text
` + "| package | holds | may import, own | may import, modules |" + `
| --- | --- | --- | --- |
| ` + "`.` (`m`) | front | `a` | - |" + `
| ` + "`a` | uses `b` | - | `x.org/mod` |" + `
| ` + "`b/...` | more | `b/...` | - |" + `
| ` + "`b/c` | special | everything | - |" + `
| ` + "`*_test.go` | tests | everything | `x.org/test` |" + `

| ` + "`d` | another table | - | - |" + `
`

func TestTableIsRead(t *testing.T) {
	got, err := parseTable(smallTable)
	if err != nil {
		t.Fatal(err)
	}
	want := table{
		rows: []row{
			{name: ".", own: []string{"a"}},
			{name: "a", modules: []string{"x.org/mod"}},
			{name: "b", below: true, own: []string{"b/..."}},
			{name: "b/c", own: []string{"everything"}},
		},
		tests: row{name: testRow, own: []string{"everything"}, modules: []string{"x.org/test"}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(table{}, row{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, bad := range []string{"", heading + "\n", heading + "\n| a |\n", heading + "\n| a | b | c | d |\n"} {
		if _, err := parseTable(bad); err == nil {
			t.Errorf("%q is read as a table", bad)
		}
	}
}

// TestCheckFindsFaults shows that the check can fail.
func TestCheckFindsFaults(t *testing.T) {
	tab, err := parseTable(smallTable)
	if err != nil {
		t.Fatal(err)
	}
	good := []source{
		{name: "m.go", folder: ".", pkg: "m", imports: []string{module + "/a", "net/http"}, lines: 500},
		{name: "m_test.go", folder: ".", pkg: "m_test", imports: []string{module, module + "/b", "x.org/test/deep"}},
		{name: "a/a.go", folder: "a", pkg: "a", imports: []string{"C", "x.org/mod", "x.org/mod/v2/sub"}},
		{name: "b/b.go", folder: "b", pkg: "b", imports: []string{module + "/b/d"}},
		{name: "b/d/d.go", folder: "b/d", pkg: "d"},
		{name: "b/c/c.go", folder: "b/c", pkg: "c", imports: []string{module}},
		{name: "only/tests_test.go", folder: "only", pkg: "only"},
	}
	if faults := check(tab, good); len(faults) > 0 {
		t.Errorf("faults in good sources: %v", faults)
	}
	for name, tc := range map[string]struct {
		add  source
		want string
	}{
		"own import":      {source{name: "a/x.go", folder: "a", pkg: "a", imports: []string{module + "/b"}}, "a/x.go: the table does not allow a to import " + module + "/b"},
		"root import":     {source{name: "a/x.go", folder: "a", pkg: "a", imports: []string{module}}, "a/x.go: the table does not allow a to import " + module},
		"module":          {source{name: "b/x.go", folder: "b", pkg: "b", imports: []string{"x.org/mod"}}, "b/x.go: the table does not allow b to import x.org/mod"},
		"similar module":  {source{name: "a/x.go", folder: "a", pkg: "a", imports: []string{"x.org/mod2"}}, "a/x.go: the table does not allow a to import x.org/mod2"},
		"longest row":     {source{name: "b/c/x.go", folder: "b/c", pkg: "c", imports: []string{"x.org/mod"}}, "b/c/x.go: the table does not allow b/c to import x.org/mod"},
		"test module":     {source{name: "a/x.go", folder: "a", pkg: "a", imports: []string{"x.org/test"}}, "a/x.go: the table does not allow a to import x.org/test"},
		"module in test":  {source{name: "b/x_test.go", folder: "b", pkg: "b", imports: []string{"x.org/mod"}}, "b/x_test.go: the table does not allow b to import x.org/mod"},
		"no row":          {source{name: "d/d.go", folder: "d", pkg: "d"}, "package d has no row in the table"},
		"too long":        {source{name: "a/x.go", folder: "a", pkg: "a", lines: 501}, "a/x.go has 501 lines, 500 are the limit"},
		"vague name":      {source{name: "b/x/x.go", folder: "b/x", pkg: "utils"}, "b/x/x.go: package name utils says nothing"},
		"vague test name": {source{name: "a/x_test.go", folder: "a", pkg: "common_test"}, "a/x_test.go: package name common_test says nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff([]string{tc.want}, check(tab, append(slices.Clone(good), tc.add))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff([]string{"the table has a row for b/c, which is no package"}, check(tab, slices.Delete(slices.Clone(good), 5, 6))); diff != "" {
		t.Errorf("a row without a package (-want +got):\n%s", diff)
	}
}
