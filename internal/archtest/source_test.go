package archtest

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// module is this module's path.
const module = "gitlab.com/f5-pwe/kog/v3"

// root is where the module lies, seen from this package.
const root = "../.."

// source is one Go file. All files count, whatever their build constraints.
type source struct {
	// name is the file, folder its folder, both relative to the module.
	name, folder string
	pkg          string
	imports      []string
	lines        int
}

func (s source) test() bool { return strings.HasSuffix(s.name, "_test.go") }

// readSources reads the imports of every Go file of the module. Folders that
// the go command leaves out, and other modules, are left out here too.
func readSources(dir string) ([]source, error) {
	var out []source
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != dir && skipped(name) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		s, err := readSource(dir, name)
		out = append(out, s)
		return err
	})
	return out, err
}

func skipped(dir string) bool {
	base := filepath.Base(dir)
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func readSource(dir, name string) (source, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return source{}, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, data, parser.ImportsOnly)
	if err != nil {
		return source{}, err
	}
	rel, err := filepath.Rel(dir, name)
	if err != nil {
		return source{}, err
	}
	rel = filepath.ToSlash(rel)
	s := source{name: rel, folder: path.Dir(rel), pkg: file.Name.Name, lines: bytes.Count(data, []byte("\n"))}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return source{}, fmt.Errorf("%s: import %s: %w", rel, spec.Path.Value, err)
		}
		s.imports = append(s.imports, imported)
	}
	return s, nil
}

// ownFolder is the folder of an import of this module, empty for any other.
func ownFolder(importPath string) string {
	if importPath == module {
		return "."
	}
	folder, ok := strings.CutPrefix(importPath, module+"/")
	if !ok {
		return ""
	}
	return folder
}

// standard reports whether a path is one of the standard library: those have
// no dot in their first element.
func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// check lists what is wrong with the sources.
func check(t table, sources []source) []string {
	var faults []string
	packages := map[string]bool{}
	for _, s := range sources {
		packages[s.folder] = packages[s.folder] || !s.test()
		faults = append(faults, checkFile(t, s)...)
	}
	for folder, code := range packages {
		if _, ok := t.find(folder); code && !ok {
			faults = append(faults, fmt.Sprintf("package %s has no row in the table", folder))
		}
	}
	for _, r := range t.rows {
		if !packages[r.name] {
			faults = append(faults, fmt.Sprintf("the table has a row for %s, which is no package", r.name))
		}
	}
	slices.Sort(faults)
	return faults
}

// maxLines is the longest that a file may be.
const maxLines = 500

// vagueNames say nothing about what a package is for.
var vagueNames = []string{"types", "utils", "util", "common", "errors", "shared", "helpers", "misc"}

func checkFile(t table, s source) []string {
	var faults []string
	if s.lines > maxLines {
		faults = append(faults, fmt.Sprintf("%s has %d lines, %d are the limit", s.name, s.lines, maxLines))
	}
	if slices.Contains(vagueNames, strings.TrimSuffix(s.pkg, "_test")) {
		faults = append(faults, fmt.Sprintf("%s: package name %s says nothing", s.name, s.pkg))
	}
	r, _ := t.find(s.folder)
	for _, imported := range s.imports {
		folder := ownFolder(imported)
		switch {
		case folder == "" && (standard(imported) || imported == "C"):
		case r.allows(folder, imported):
		case s.test() && (folder == s.folder || t.tests.allows(folder, imported)):
		default:
			faults = append(faults, fmt.Sprintf("%s: the table does not allow %s to import %s", s.name, s.folder, imported))
		}
	}
	return faults
}
