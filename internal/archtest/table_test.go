// Package archtest holds the project to the package table of
// docs/architecture.md.
package archtest

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

// row is one line of the package table.
type row struct {
	// name is a folder relative to the module, "." for its root.
	name string
	// below: the row stands for the folders below as well.
	below bool
	// own lists the packages of this module that may be imported, modules those
	// of others.
	own, modules []string
}

// everything in a cell allows all.
const everything = "everything"

// testRow is the name of the row for test files.
const testRow = "*_test.go"

// table is the package table: rows for packages, and the one for tests.
type table struct {
	rows  []row
	tests row
}

var inCode = regexp.MustCompile("`([^`]+)`")

// heading is how the table begins.
const heading = "| package | holds | may import, own | may import, modules |"

// readTable finds the table in a document.
func readTable(file string) (table, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return table{}, err
	}
	return parseTable(string(data))
}

func parseTable(doc string) (table, error) {
	_, after, found := strings.Cut(doc, heading+"\n")
	if !found {
		return table{}, fmt.Errorf("no table with the heading %q", heading)
	}
	var t table
	for line := range strings.Lines(after) {
		if strings.HasPrefix(line, "| ---") {
			continue
		}
		if !strings.HasPrefix(line, "|") {
			break
		}
		r, err := parseRow(line)
		if err != nil {
			return table{}, err
		}
		if r.name == testRow {
			t.tests = r
			continue
		}
		t.rows = append(t.rows, r)
	}
	if len(t.rows) == 0 || t.tests.name == "" {
		return table{}, fmt.Errorf("the table has %d packages, and a row for tests: %t", len(t.rows), t.tests.name != "")
	}
	return t, nil
}

func parseRow(line string) (row, error) {
	cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
	if len(cells) != 4 {
		return row{}, fmt.Errorf("not four cells: %s", line)
	}
	name := names(cells[0])
	if len(name) == 0 {
		return row{}, fmt.Errorf("no package in %s", line)
	}
	r := row{own: names(cells[2]), modules: names(cells[3])}
	r.name, r.below = strings.CutSuffix(name[0], "/...")
	return r, nil
}

// names are the words in code marks of a cell, or the bare word "everything".
func names(cell string) []string {
	if strings.TrimSpace(cell) == everything {
		return []string{everything}
	}
	var out []string
	for _, m := range inCode.FindAllStringSubmatch(cell, -1) {
		out = append(out, m[1])
	}
	return out
}

// covers reports whether a name or pattern ("x/...") stands for a folder.
func covers(pattern, folder string) bool {
	base, below := strings.CutSuffix(pattern, "/...")
	return folder == base || below && strings.HasPrefix(folder, base+"/")
}

// find gives the row of a folder: the one with the longest name.
func (t table) find(folder string) (row, bool) {
	var best row
	found := false
	for _, r := range t.rows {
		pattern := r.name
		if r.below {
			pattern = path.Join(r.name, "...")
		}
		if covers(pattern, folder) && (!found || len(r.name) > len(best.name)) {
			best, found = r, true
		}
	}
	return best, found
}

// allows reports whether a file of a row's packages may import a path.
// folder is the import relative to the module, or empty for other modules.
func (r row) allows(folder, importPath string) bool {
	if folder != "" {
		return slices.ContainsFunc(r.own, func(p string) bool { return p == everything || covers(p, folder) })
	}
	return slices.ContainsFunc(r.modules, func(m string) bool {
		return m == everything || covers(m+"/...", importPath)
	})
}
