package main

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// reportSize prints the size of the image.
func (t *tree) reportSize() error {
	var size, libraries int64
	var packages int
	err := filepath.WalkDir(t.changes, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		size += info.Size()
		if isLibrary(path) {
			libraries++
		}
		if strings.Contains(path, "/dpkg/status.d/") {
			packages++
		}
		return nil
	})
	fmt.Printf("size: %.1f MB, %d libraries, of %d packages\n", float64(size)/1e6, libraries, packages)
	return err
}

func isLibrary(path string) bool {
	name := filepath.Base(path)
	return strings.HasSuffix(name, ".so") || strings.Contains(name, ".so.") && name != "ld.so.cache"
}

// processTree are a process and all processes that it started, and they did.
func processTree(pid int) []int {
	all := []int{pid}
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, f := range children {
		text, _ := os.ReadFile(f)
		for _, word := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(word); err == nil {
				all = append(all, processTree(n)...)
			}
		}
	}
	return all
}

// memoryOf is what processes take, as a line: the sum of their proportional set sizes, and how much of it is of files.
func memoryOf(pids []int) string {
	all, files := int64(0), int64(0)
	for _, pid := range pids {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)) // it may have ended
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			if len(words) < 2 {
				continue
			}
			kib, _ := strconv.ParseInt(words[1], 10, 64)
			switch words[0] {
			case "Pss:":
				all += kib << 10
			case "Pss_File:":
				files += kib << 10
			}
		}
	}
	return fmt.Sprintf("%.1f MiB, %.1f of them programs and libraries (PSS of %d processes)", mebi(all), mebi(files),
		len(pids))
}

func mebi(n int64) float64 { return float64(n) / (1 << 20) }

// stateOf is the letter of a process' state, Z for one that has ended and that nobody has waited for.
func stateOf(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(text), ") ")
	state, _, _ := strings.Cut(after, " ")
	return state
}

// mappedLibraries are the names of the libraries that processes have mapped.
func mappedLibraries(pids []int) map[string]bool {
	found := map[string]bool{}
	for _, pid := range pids {
		f, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			words := strings.Fields(lines.Text())
			if path := words[len(words)-1]; isLibrary(path) {
				found[filepath.Base(path)] = true
			}
		}
		f.Close()
	}
	return found
}

// idleLibraries are those of the tree that are not mapped. iconv's tables do not count: a text asks for one of them.
func (t *tree) idleLibraries(mapped map[string]bool) (idle []string, err error) {
	err = filepath.WalkDir(t.changes, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !isLibrary(path) || strings.Contains(path, "/gconv/") {
			return err
		}
		if !mapped[d.Name()] {
			idle = append(idle, d.Name())
		}
		return nil
	})
	slices.Sort(idle)
	return idle, err
}
