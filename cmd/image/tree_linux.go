package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// tree is a file system that a stage is built in: what the stage began with lies below, and what it
// changes above, in layers of overlayfs.
type tree struct {
	// root is where the tree is mounted.
	root string
	// changes is the directory of what the stage changed.
	changes string
	// env and user are what ENV and USER have said, and dir what WORKDIR has.
	env  []string
	user string
	dir  string
	// args are the values of ARG.
	args map[string]string
}

// usualPath is where Debian looks for programs.
const usualPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// devices are what a container has in /dev.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

// scriptOfSuites knows how to make every suite since Debian 9; debootstrap has names only for suites
// that are older than itself.
const scriptOfSuites = "/usr/share/debootstrap/scripts/sid"

// keyring has the keys of Debian's archive. debootstrap goes without where it finds none, as on Ubuntu.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// makeBase has debootstrap make the tree of a suite, once: what lies in dir is used again. mirror is where
// it comes from, by http, so that the signature of the archive is what it is trusted by.
func makeBase(dir, suite, mirror string) error {
	done := dir + ".done"
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if _, err := exec.LookPath("debootstrap"); err != nil {
		return errors.New("debootstrap is not installed: run .ci/setup image")
	}
	fmt.Printf("debootstrap %s from %s\n", suite, mirror)
	out, err := exec.Command("debootstrap", "--variant=minbase", "--force-check-gpg", "--keyring="+keyring, suite, dir,
		mirror, scriptOfSuites).CombinedOutput()
	if err != nil {
		return fmt.Errorf("debootstrap %s: %w\n%s", suite, err, lastLines(string(out), 20))
	}
	if err := finishBase(dir, suite, mirror); err != nil {
		return err
	}
	return os.WriteFile(done, nil, 0o644)
}

// finishBase gives a tree what Debian's slim images have besides what debootstrap makes: a list of sources, in which a
// comment names the archive as it was when the image was made, and the line below it the archive of today; and rules
// that keep documentation out, and have dpkg not wait for the disk.
func finishBase(dir, suite, mirror string) error {
	os.Remove(filepath.Join(dir, "etc/apt/sources.list"))
	files := map[string]string{
		"etc/apt/sources.list.d/debian.sources": "Types: deb\n# " + mirror + "\n" +
			"URIs: http://not-to-be-asked.invalid/debian\nSuites: " + suite + "\nComponents: main\n" +
			"Signed-By: " + keyring + "\n",
		"etc/dpkg/dpkg.cfg.d/docker": "path-exclude /usr/share/doc/*\npath-include /usr/share/doc/*/copyright\n" +
			"path-exclude /usr/share/man/*\npath-exclude /usr/share/info/*\npath-exclude /usr/share/locale/*\n",
		"etc/dpkg/dpkg.cfg.d/docker-apt-speedup": "force-unsafe-io\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// newTree mounts a tree over what lies in below, of which the first is on top. All mounts end with the
// mount namespace of this process.
func newTree(dir string, below ...string) (*tree, error) {
	t := &tree{root: dir + "/root", changes: dir + "/changes", args: map[string]string{}, dir: "/"}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	for _, d := range []string{t.root, t.changes, dir + "/work", dir + "/empty"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	below = append(below, dir+"/empty")
	data := "lowerdir=" + strings.Join(below, ":") + ",upperdir=" + t.changes + ",workdir=" + dir + "/work"
	if err := syscall.Mount("overlay", t.root, "overlay", 0, data); err != nil {
		return nil, fmt.Errorf("overlayfs on %s: %w", dir, err)
	}
	return t, nil
}

// mountKernel mounts what a container finds in /dev and /proc, and names of hosts as they are here.
func (t *tree) mountKernel() error {
	for _, d := range []string{"proc", "sys", "dev", "etc", "tmp"} {
		if err := os.MkdirAll(filepath.Join(t.root, d), 0o755); err != nil {
			return err
		}
	}
	if err := syscall.Mount("proc", t.root+"/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	if err := syscall.Mount("/sys", t.root+"/sys", "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("/sys: %w", err)
	}
	if err := syscall.Mount("tmpfs", t.root+"/dev", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("/dev: %w", err)
	}
	for _, name := range devices {
		if err := t.bindPath("/dev/"+name, "/dev/"+name); err != nil {
			return err
		}
	}
	if err := os.Mkdir(t.root+"/dev/shm", 0o777|fs.ModeSticky); err != nil {
		return err
	}
	if err := os.Symlink("/proc/self/fd", t.root+"/dev/fd"); err != nil {
		return err
	}
	for _, name := range []string{"/etc/resolv.conf", "/etc/hosts"} {
		if err := t.bindPath(name, name); err != nil {
			return err
		}
	}
	return nil
}

// bindPath shows a file or directory of this machine in the tree.
func (t *tree) bindPath(source, target string) error {
	target = filepath.Join(t.root, target)
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		err = os.MkdirAll(target, 0o755)
	} else {
		if err = os.MkdirAll(filepath.Dir(target), 0o755); err == nil {
			var f *os.File
			if f, err = os.OpenFile(target, os.O_CREATE|os.O_RDONLY, 0o644); err == nil {
				f.Close()
			}
		}
	}
	if err != nil {
		return err
	}
	if err := syscall.Mount(source, target, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("%s on %s: %w", source, target, err)
	}
	return nil
}

// command runs in the tree as root, with what ENV and ARG have said.
func (t *tree) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Path = name
	cmd.Err = nil
	cmd.Dir = t.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: t.root}
	cmd.Env = append([]string{usualPath, "HOME=/root"}, t.env...)
	for name, value := range t.args {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
