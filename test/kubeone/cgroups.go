package main

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// cgroup is the cgroup of all pods. Every cluster has its own: a kubelet
// removes pods that it does not know from its cgroup.
func (c *cluster) cgroup() string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.dir)) // never fails
	return fmt.Sprintf("kubeone-%08x", h.Sum32())
}

// cgroupRoots are the folders in which cgroups are made: one of version 2, or
// one for each controller of version 1.
func cgroupRoots() ([]string, error) {
	const root = "/sys/fs/cgroup"
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err == nil {
		return []string{root}, nil
	}
	files, err := filepath.Glob(filepath.Join(root, "*", "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("no cgroups are mounted at " + root)
	}
	for i := range files {
		files[i] = filepath.Dir(files[i])
	}
	return files, nil
}

// controllersIn picks the controllers that a kubelet needs out of a list.
func controllersIn(list string) []string {
	return slices.DeleteFunc(strings.Fields(list), func(controller string) bool {
		return !slices.Contains([]string{"cpu", "cpuset", "hugetlb", "memory", "pids"}, controller)
	})
}

func (c *cluster) makeCgroups() error {
	roots, err := cgroupRoots()
	if err != nil {
		return err
	}
	for _, root := range roots {
		if err := os.MkdirAll(filepath.Join(root, c.cgroup()), 0o755); err != nil {
			return err
		}
		// Version 2 has only those controllers in a cgroup that its parent hands down.
		if b, err := os.ReadFile(filepath.Join(root, "cgroup.controllers")); err == nil {
			for _, controller := range controllersIn(string(b)) {
				if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+"+controller), 0o644); err != nil {
					return fmt.Errorf("cgroup controller %s: %w", controller, err)
				}
			}
		}
	}
	return nil
}

// walkCgroups visits all cgroups of the cluster, parents first.
func (c *cluster) walkCgroups(visit func(dir string) error) error {
	roots, err := cgroupRoots()
	if err != nil {
		return err
	}
	for _, root := range roots {
		err := filepath.WalkDir(filepath.Join(root, c.cgroup()), func(dir string, d fs.DirEntry, err error) error {
			if gone(err) {
				return nil
			}
			if err != nil || !d.IsDir() {
				return err
			}
			return visit(dir)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) removeCgroups() error {
	var dirs []string
	err := c.walkCgroups(func(dir string) error {
		dirs = append(dirs, dir)
		return nil
	})
	for _, dir := range slices.Backward(dirs) {
		err = errors.Join(err, os.Remove(dir))
	}
	return err
}
