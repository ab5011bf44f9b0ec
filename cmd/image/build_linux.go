package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// builder carries out the instructions of a Dockerfile.
type builder struct {
	// dir is where trees are made, and caches where those of RUN --mount=type=cache lie.
	dir, caches string
	// suite is that of Debian, and mirror where it comes from.
	suite, mirror string
	// file is the Dockerfile.
	file    string
	ignored []string
	// given are values for ARG.
	given map[string]string
	built map[string]*tree
}

// buildFiles makes all stages of a Dockerfile, and returns the last one's tree.
func (b *builder) buildFiles(file, ignore string) (*tree, error) {
	stages, ignored, err := readFiles(file, ignore)
	if err != nil {
		return nil, err
	}
	b.file, b.ignored = file, ignored
	return b.buildStages(stages)
}

// buildStages makes all stages, and returns the last one's tree.
func (b *builder) buildStages(stages []stage) (last *tree, err error) {
	b.built = map[string]*tree{}
	for i, s := range stages {
		var rest []instruction
		if last, rest, err = b.beginStage(s, i); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", b.file, s.line, err)
		}
		if err := b.carryOutAll(last, rest); err != nil {
			return nil, err
		}
		b.built[s.name] = last
	}
	return last, nil
}

func (b *builder) carryOutAll(t *tree, instructions []instruction) error {
	for _, in := range instructions {
		begun := time.Now()
		if err := b.carryOut(t, in); err != nil {
			return fmt.Errorf("%s, line %d: %s: %w", b.file, in.line, in.name, err)
		}
		if took := time.Since(begun); took > time.Second {
			fmt.Printf("line %d: %s, %.0f s\n", in.line, in.name, took.Seconds())
		}
	}
	return nil
}

// beginStage makes the tree that a stage starts with, and returns the instructions that are left. Images of Debian
// are made by debootstrap, and of those of Go only Go's own directory is there, which is that of this machine.
func (b *builder) beginStage(s stage, i int) (*tree, []instruction, error) {
	dir := filepath.Join(b.dir, strconv.Itoa(i))
	name, _, _ := strings.Cut(s.base, "@")
	name, tag, _ := strings.Cut(name, ":")
	switch name {
	case "scratch":
		t, err := newTree(dir)
		return t, s.instructions, err
	case "debian":
		if b.suite == "" {
			b.suite = strings.TrimSuffix(tag, "-slim")
		}
		return b.beginWithDebian(s, dir)
	case "golang":
		t, err := newTree(dir)
		if err != nil {
			return nil, nil, err
		}
		root, err := goEnv("GOROOT")
		if err != nil {
			return nil, nil, err
		}
		return t, s.instructions, t.bindPath(root, "/usr/local/go")
	}
	return nil, nil, fmt.Errorf("FROM %s is not understood", s.base)
}

// beginWithDebian makes a tree of Debian with what the instructions before the first COPY make of it. That is kept,
// as Docker keeps it, until one of these instructions changes.
func (b *builder) beginWithDebian(s stage, dir string) (*tree, []instruction, error) {
	kept := filepath.Dir(b.dir)
	base := filepath.Join(kept, "debian-"+b.suite)
	if err := makeBase(base, b.suite, b.mirror); err != nil {
		return nil, nil, err
	}
	first := slices.IndexFunc(s.instructions, func(in instruction) bool { return in.name == "COPY" })
	if first < 0 {
		first = len(s.instructions)
	}
	layer := filepath.Join(kept, "layer-"+b.suite+"-"+digestOf(s.instructions[:first]))
	if _, err := os.Stat(layer); err != nil {
		t, err := newTree(dir, base)
		if err != nil {
			return nil, nil, err
		}
		if err := errors.Join(t.mountKernel(), b.carryOutAll(t, s.instructions[:first])); err != nil {
			return nil, nil, err
		}
		if err := syscall.Unmount(t.root, syscall.MNT_DETACH); err != nil {
			return nil, nil, err
		}
		if err := os.Rename(t.changes, layer); err != nil {
			return nil, nil, err
		}
	}
	t, err := newTree(dir, layer, base)
	if err != nil {
		return nil, nil, err
	}
	var rest []instruction // of what is done, the tree has not heard what ENV, ARG and WORKDIR say
	for i, in := range s.instructions {
		if i >= first || in.name != "RUN" {
			rest = append(rest, in)
		}
	}
	return t, rest, t.mountKernel()
}

// digestOf is what instructions are known by.
func digestOf(instructions []instruction) string {
	h := sha256.New()
	for _, in := range instructions {
		fmt.Fprintf(h, "%s %q %s\n", in.name, in.flags, in.rest)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func (b *builder) carryOut(t *tree, in instruction) error {
	switch in.name {
	case "RUN":
		return b.runShell(t, in)
	case "COPY":
		return b.copyFiles(t, in)
	case "WORKDIR":
		t.dir = in.rest
		return os.MkdirAll(filepath.Join(t.root, in.rest), 0o755)
	case "ARG":
		for _, a := range in.assignments() {
			t.args[a.name] = a.value
			if given, ok := b.given[a.name]; ok {
				t.args[a.name] = given
			}
		}
	case "ENV":
		for _, a := range in.assignments() {
			values := map[string]string{"PATH": strings.TrimPrefix(usualPath, "PATH=")}
			t.env = append(t.env, a.name+"="+expand(a.value, values))
		}
	case "USER":
		t.user = in.rest
	}
	return nil // what is left says how the image is started
}

// runShell runs a command in the tree's shell. A cache that it mounts is a directory of this machine, with Go's modules
// as they are here.
func (b *builder) runShell(t *tree, in instruction) error {
	for _, f := range in.flags {
		m := cacheMount.FindStringSubmatch(f.value)
		if f.name != "mount" || m == nil {
			return fmt.Errorf("--%s=%s is not understood", f.name, f.value)
		}
		source := b.cache(m[1])
		if strings.HasSuffix(m[1], "/pkg/mod") {
			var err error
			if source, err = goModules(); err != nil {
				return err
			}
		}
		if err := os.MkdirAll(source, 0o755); err != nil {
			return err
		}
		if err := t.bindPath(source, m[1]); err != nil {
			return err
		}
		defer syscall.Unmount(filepath.Join(t.root, m[1]), syscall.MNT_DETACH)
	}
	out, err := t.command("/bin/sh", "-c", in.rest).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, lastLines(string(out), 30))
	}
	return nil
}

// cache is the directory of this machine for one that RUN mounts.
func (b *builder) cache(target string) string {
	return filepath.Join(b.caches, strings.ReplaceAll(strings.TrimPrefix(target, "/"), "/", "_"))
}

// copyFiles copies files, with their modes, links and times, and with the owner of --chown or root. As Docker does,
// what is in a directory is copied and not the directory.
func (b *builder) copyFiles(t *tree, in instruction) error {
	words := strings.Fields(in.rest)
	sources, target := words[:len(words)-1], words[len(words)-1]
	if !filepath.IsAbs(target) {
		target = filepath.Join(t.dir, target)
	}
	from, context := ".", true
	if name := in.flag("from"); name != "" {
		from, context = b.built[name].root, false
	}
	c := copier{to: filepath.Join(t.root, target)}
	if context {
		c.ignored = b.ignored
	}
	if owner, group, ok := strings.Cut(in.flag("chown"), ":"); ok {
		c.uid, _ = strconv.Atoi(owner)
		c.gid, _ = strconv.Atoi(group)
	}
	into := len(sources) > 1 || strings.HasSuffix(words[len(words)-1], "/")
	for _, source := range sources {
		if err := c.copySource(filepath.Join(from, source), into); err != nil {
			return err
		}
	}
	return nil
}

type copier struct {
	to       string
	uid, gid int
	ignored  []string
	// made are the directories that were made, with the times that they are to have once they are filled.
	made map[string]time.Time
}

// copySource copies one source. into is whether the target is a directory also for a file.
func (c *copier) copySource(source string, into bool) error {
	c.made = map[string]time.Time{}
	err := filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		if slices.Contains(c.ignored, name) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		target := filepath.Join(c.to, name)
		if name == "." && !d.IsDir() && into {
			target = filepath.Join(c.to, filepath.Base(source))
		}
		return c.copyOne(path, target)
	})
	for dir, at := range c.made {
		err = errors.Join(err, os.Chtimes(dir, at, at))
	}
	return err
}

func (c *copier) copyOne(source, target string) error {
	info, err := os.Lstat(source)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		err = os.Mkdir(target, 0o755)
		if errors.Is(err, fs.ErrExist) {
			return nil // its owner and mode stay
		}
		c.made[target] = info.ModTime()
	case mode.Type() == fs.ModeSymlink:
		var link string
		if link, err = os.Readlink(source); err == nil {
			err = os.Symlink(link, target)
		}
	case mode.IsRegular():
		var text []byte
		if text, err = os.ReadFile(source); err == nil {
			err = os.WriteFile(target, text, 0o600)
		}
	default:
		return fmt.Errorf("%s is no file, directory or link", source)
	}
	if err != nil {
		return err
	}
	if err := os.Lchown(target, c.uid, c.gid); err != nil {
		return err
	}
	if info.Mode().Type() == fs.ModeSymlink {
		return nil
	}
	if err := os.Chmod(target, info.Mode()); err != nil {
		return err
	}
	return os.Chtimes(target, info.ModTime(), info.ModTime())
}

// goModules is where Go keeps modules on this machine.
func goModules() (string, error) { return goEnv("GOMODCACHE") }

func goEnv(name string) (string, error) {
	out, err := exec.Command("go", "env", name).Output()
	return strings.TrimSpace(string(out)), err
}
