package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// packageFile says how the package is built.
const packageFile = ".ci/deb/Dockerfile"

// checkPackage builds the package of Debian, tries it, and leaves it in a directory. All that it mounts is in a mount
// namespace of its own.
func checkPackage(args []string) error {
	var o checkOptions
	flags := flag.NewFlagSet("deb", flag.ContinueOnError)
	out := flags.String("out", "bin", "where the package comes to lie")
	given := flags.String("package", "", "package to try instead of one that is built, for the release of -debian")
	if inside, err := o.enter(flags, args); err != nil || !inside {
		return err
	}
	b := o.newBuilder()
	if *given != "" {
		return o.tryPackage(b, *given)
	}
	built, err := b.buildFiles(packageFile, packageFile+".dockerignore")
	if err != nil {
		return err
	}
	files, err := filepath.Glob(built.changes + "/*.deb")
	if err != nil || len(files) != 1 {
		return fmt.Errorf("packages that were built: %q, %v", files, err)
	}
	if err := o.tryPackage(b, files[0]); err != nil {
		return err
	}
	target := filepath.Join(*out, filepath.Base(files[0]))
	fmt.Println(target)
	return errors.Join(os.MkdirAll(*out, 0o755), (&copier{to: target}).copySource(files[0], false))
}

// machine is a tree of Debian where the package is installed, as on a machine that has nothing of it yet.
type machine struct {
	*tree
	// file is the package in the tree, and unit what was installed for systemd.
	file, unit string
}

// tryPackage installs a package, looks at what it brings, serves an image, and upgrades, removes and purges it.
func (o checkOptions) tryPackage(b *builder, file string) error {
	m, err := o.newMachine(b, file)
	if err != nil {
		return err
	}
	pictures := filepath.Join(b.dir, "pictures")
	if err := errors.Join(os.MkdirAll(pictures, 0o755), m.bindPath(pictures, "/pictures")); err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		try  func() error
	}{
		{"install", m.install},
		{"the unit", m.checkUnit},
		{"serve", func() error { return m.serveByUnit(pictures) }},
		{"upgrade", m.upgrade},
		{"serve after the upgrade", func() error { return m.serveByUnit(pictures) }},
		{"remove and purge", m.remove},
	} {
		if err := step.try(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

// newMachine is a tree of the release that the package was built in. What apt has fetched is kept.
func (o checkOptions) newMachine(b *builder, file string) (*machine, error) {
	base := filepath.Join(filepath.Dir(b.dir), "debian-"+b.suite)
	if err := makeBase(base, b.suite, b.mirror); err != nil {
		return nil, err
	}
	t, err := newTree(filepath.Join(b.dir, "machine"), base)
	if err != nil {
		return nil, err
	}
	m := &machine{tree: t, file: "/" + filepath.Base(file)}
	if err := t.mountKernel(); err != nil {
		return nil, err
	}
	archives := b.cache("archives-" + b.suite)
	if err := errors.Join(os.MkdirAll(archives, 0o755), t.bindPath(archives, "/var/cache/apt/archives"),
		(&copier{to: t.root + m.file}).copySource(file, false)); err != nil {
		return nil, err
	}
	stages, _, err := readFiles(packageFile, packageFile+".dockerignore")
	if err != nil {
		return nil, err
	}
	for _, s := range stages { // the list of sources is made as where the package is built
		if first := s.find("RUN"); strings.HasPrefix(s.base, "debian:") && first != nil {
			return m, m.shell(s.instructions[0].rest + " && apt-get update")
		}
	}
	return nil, errors.New(packageFile + " has no stage of Debian")
}

// shell runs commands in the tree as root.
func (m *machine) shell(script string) error {
	_, err := m.output(script)
	return err
}

func (m *machine) output(script string) (string, error) {
	cmd := m.command("/bin/sh", "-ec", script)
	cmd.Env = append(cmd.Env, "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", script, err, lastLines(string(out), 30))
	}
	return strings.TrimSpace(string(out)), nil
}

// run is pictor as a command of the package's user.
func (m *machine) run(words ...string) (string, error) {
	cmd := m.contained(words...)
	out, err := cmd.Output()
	if err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			err = fmt.Errorf("%w\n%s%s", err, out, failed.Stderr)
		}
		return "", fmt.Errorf("%s: %w", strings.Join(words, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
