package builtin

import (
	"bufio"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// linked is what a binary needs to be loaded; all of it is empty for a static
// one.
type linked struct {
	loader string
	found  []library
}

type library struct{ name, path string }

// libraries finds the loader and, recursively, the libraries of a binary,
// where the loader would find them: in the run paths of who needs them, in the
// folders of ld.so.conf and in the standard ones.
// Source of the rule: ld.so(8), "DESCRIPTION".
func libraries(binary string) (linked, error) {
	bin, err := readObject(binary)
	if err != nil {
		return linked{}, err
	}
	out := linked{loader: bin.loader}
	if bin.loader == "" {
		return out, nil
	}
	system := systemDirs("/etc/ld.so.conf")
	seen := map[string]bool{}
	for queue := []object{bin}; len(queue) > 0; queue = queue[1:] {
		for _, name := range queue[0].needed {
			if seen[name] {
				continue
			}
			seen[name] = true
			dep, err := find(name, slices.Concat(queue[0].runPath, system), bin)
			if err != nil {
				return linked{}, fmt.Errorf("library %s of %s: %w", name, queue[0].path, err)
			}
			out.found = append(out.found, library{name: name, path: dep.path})
			queue = append(queue, dep)
		}
	}
	return out, nil
}

// object is the part of an ELF file that its loader reads.
type object struct {
	path    string
	class   elf.Class
	machine elf.Machine
	loader  string
	needed  []string
	runPath []string
}

func readObject(name string) (object, error) {
	f, err := elf.Open(name)
	if err != nil {
		return object{}, err
	}
	defer func() { _ = f.Close() }()
	o := object{path: name, class: f.Class, machine: f.Machine}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		loader, err := io.ReadAll(p.Open())
		if err != nil {
			return object{}, fmt.Errorf("read loader of %s: %w", name, err)
		}
		o.loader = strings.TrimRight(string(loader), "\x00")
	}
	if o.needed, err = f.DynString(elf.DT_NEEDED); err != nil {
		return object{}, fmt.Errorf("read libraries of %s: %w", name, err)
	}
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		paths, err := f.DynString(tag)
		if err != nil {
			return object{}, fmt.Errorf("read run path of %s: %w", name, err)
		}
		o.runPath = append(o.runPath, expandOrigin(paths, name)...)
	}
	return o, nil
}

// expandOrigin splits run paths and puts the folder of the object for $ORIGIN.
func expandOrigin(paths []string, name string) []string {
	var out []string
	origin := name
	if real, err := filepath.EvalSymlinks(name); err == nil {
		origin = real
	}
	r := strings.NewReplacer("$ORIGIN", filepath.Dir(origin), "${ORIGIN}", filepath.Dir(origin))
	for _, p := range paths {
		for _, dir := range filepath.SplitList(p) {
			if dir != "" {
				out = append(out, r.Replace(dir))
			}
		}
	}
	return out
}

// find gives the first library of that name which suits the binary.
func find(name string, dirs []string, bin object) (object, error) {
	for _, dir := range dirs {
		o, err := readObject(filepath.Join(dir, name))
		if err == nil && o.class == bin.class && o.machine == bin.machine {
			return o, nil
		}
	}
	return object{}, fmt.Errorf("not found in %s; build kog statically with make build", strings.Join(dirs, ", "))
}

// systemDirs are the folders of the loader's configuration, then the standard
// ones, those of Debian's multiarch included.
func systemDirs(conf string) []string {
	dirs := confDirs(conf, 0)
	dirs = append(dirs, "/lib64", "/usr/lib64", "/lib", "/usr/lib")
	for _, pattern := range []string{"/lib/*-linux-*", "/usr/lib/*-linux-*"} {
		found, _ := filepath.Glob(pattern) // the patterns are valid
		dirs = append(dirs, found...)
	}
	return dirs
}

// maxIncludes is how deep configuration files of the loader may be nested.
const maxIncludes = 8

// confDirs reads the folders from a configuration file of the loader. What
// cannot be read is left out, as the loader's own tools do.
// Source of the format: ldconfig(8), "FILES".
func confDirs(conf string, depth int) []string {
	f, err := os.Open(conf)
	if err != nil || depth > maxIncludes {
		return nil
	}
	defer func() { _ = f.Close() }()
	var dirs []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case fields[0] == "include" && len(fields) > 1:
			for _, pattern := range fields[1:] {
				if !filepath.IsAbs(pattern) {
					pattern = filepath.Join(filepath.Dir(conf), pattern)
				}
				included, _ := filepath.Glob(pattern) // a bad pattern includes nothing
				for _, name := range included {
					dirs = append(dirs, confDirs(name, depth+1)...)
				}
			}
		case filepath.IsAbs(fields[0]):
			dirs = append(dirs, fields[0])
		}
	}
	return dirs
}
