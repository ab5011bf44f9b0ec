package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// insideVar says that this process has a mount namespace of its own already.
const insideVar = "PICTOR_IMAGE_INSIDE"

// checkOptions are the flags of check.
type checkOptions struct {
	dir, suite, mirror, version string
	tests, serve                bool
	// buildDir is where trees are made.
	buildDir string
}

// suites are Debian's names of releases.
var suites = map[string]string{"12": "bookworm", "13": "trixie", "14": "forky"}

// check builds the image and tries it. All that it mounts is in a mount namespace of its own, and so goes with it.
func check(args []string) error {
	var o checkOptions
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.BoolVar(&o.tests, "tests", true, "run the tests of pictures and the short calibration, too")
	flags.BoolVar(&o.serve, "serve", false, "instead of a check, keep the server running until Enter is pressed")
	if inside, err := o.enter(flags, args); err != nil || !inside {
		return err
	}
	if err := lintFiles(nil); err != nil {
		return err
	}
	return o.checkImage()
}

// enter reads the flags of a command, those that all have included, and has the command run in a mount namespace of its
// own. It returns whether this is the process there, which is to do the work.
func (o *checkOptions) enter(flags *flag.FlagSet, args []string) (inside bool, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return false, err
	}
	flags.StringVar(&o.dir, "dir", filepath.Join(cache, "pictor-image"), "where trees and caches lie")
	flags.StringVar(&o.suite, "debian", "", "release to build on instead of that of the Dockerfile, like 12 or trixie")
	flags.StringVar(&o.mirror, "mirror", "http://deb.debian.org/debian", "where packages come from")
	flags.StringVar(&o.version, "version", "unknown", "the version that the programs say")
	if err := flags.Parse(args); err != nil {
		return false, err
	}
	if os.Geteuid() != 0 {
		return false, errors.New("mounting needs root: sudo make " + map[string]string{
			"check": "image-check", "deb": "deb-check"}[flags.Name()])
	}
	if name, ok := suites[o.suite]; ok {
		o.suite = name
	}
	o.buildDir = filepath.Join(o.dir, flags.Name()+"-"+o.suite)
	if os.Getenv(insideVar) == "" {
		// Only out here, where its mounts are not seen: inside, files of this machine lie below it. A run that was
		// ended has left its own, and what is made anew must not be there.
		if err := os.RemoveAll(o.buildDir); err != nil {
			return false, err
		}
		defer os.RemoveAll(o.buildDir)
		return false, runInside(flags.Name(), args)
	}
	return true, nil
}

// runInside runs this program once more in a mount namespace of its own.
func runInside(command string, args []string) error {
	cmd := exec.Command("/proc/self/exe", append([]string{command}, args...)...)
	cmd.Stdin = os.Stdin
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideVar+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	// The parent's death is told to the child of the thread that ends, not of the process.
	runtime.LockOSThread()
	if err := cmd.Run(); err != nil {
		return errors.New("the check failed")
	}
	return nil
}

func (o checkOptions) checkImage() error {
	b := o.newBuilder()
	last, err := b.buildFiles("Dockerfile", ".dockerignore")
	if err != nil {
		return err
	}
	if err := o.tryImage(last, filepath.Join(b.dir, "pictures")); err != nil {
		return err
	}
	if o.serve {
		return nil
	}
	if err := reportCost(b.built["build"]); err != nil || !o.tests {
		return err
	}
	return runTests(b.built["build"], b.cache("/root/.cache/go-build"))
}

// newBuilder is one that has built nothing yet.
func (o checkOptions) newBuilder() *builder {
	return &builder{suite: o.suite, mirror: o.mirror, given: map[string]string{"VERSION": o.version}, dir: o.buildDir,
		caches: filepath.Join(o.dir, "caches")} // the version of the compiler of C is part of Go's keys
}

// tryImage starts what was built as a container would: read-only but for the volume, as the user of USER, with its
// server as the first process. Its sources lie in the directory pictures, which is made.
func (o checkOptions) tryImage(t *tree, pictures string) error {
	if err := t.reportSize(); err != nil {
		return err
	}
	if err := t.mountKernel(); err != nil {
		return err
	}
	if err := os.Mkdir(pictures, 0o755); err != nil {
		return err
	}
	if err := t.bindPath(pictures, "/pictures"); err != nil {
		return err
	}
	if err := t.makeReadOnly(); err != nil {
		return err
	}
	if o.serve {
		return keepServing(t)
	}
	out, err := t.containedPictor("doctor").CombinedOutput()
	fmt.Print(string(out))
	if err != nil {
		return fmt.Errorf("pictor doctor: %w", err)
	}
	return tryServer(t, pictures)
}

// makeReadOnly makes the tree read-only, but for the volume, which is an empty directory on a disk with the owner and
// the mode that the directory of the image has.
func (t *tree) makeReadOnly() error {
	const volume = "/var/lib/pictor"
	disk := filepath.Join(filepath.Dir(t.root), "volume")
	info, err := os.Stat(t.root + volume)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t)
	if err := syscall.Mount(t.root, t.root, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("read-only: %w", err)
	}
	err = errors.Join(os.Mkdir(disk, info.Mode().Perm()), os.Chown(disk, int(owner.Uid), int(owner.Gid)))
	if err != nil {
		return err
	}
	if err := t.bindPath(disk, volume); err != nil {
		return err
	}
	if err := os.WriteFile(t.root+"/written", nil, 0o644); !errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("the tree is not read-only: %v", err)
	}
	return nil
}

// containedPictor runs the image's pictor in the tree.
func (t *tree) containedPictor(args ...string) *exec.Cmd {
	cmd := t.contained(append([]string{"/usr/local/bin/pictor"}, args...)...)
	cmd.Env = append(cmd.Env, "PICTOR_INSECURE=true")
	return cmd
}

// contained runs a program in the tree, as its user and as the first process of a namespace of processes. Of pictor's
// settings it has those that all checks need.
func (t *tree) contained(command ...string) *exec.Cmd {
	words := []string{"--fork", "--kill-child", "--pid", "--mount-proc=" + t.root + "/proc",
		"/usr/sbin/chroot", "--userspec=" + t.user, t.root}
	cmd := exec.Command("unshare", append(words, command...)...)
	cmd.Env = append([]string{usualPath}, t.env...)
	cmd.Env = append(cmd.Env, "PICTOR_MEMORY_LIMIT=512MiB", "PICTOR_LOCAL_ROOT=/pictures", "PICTOR_ADMIN_LISTEN=off",
		"PICTOR_LISTEN="+address, "PICTOR_ALLOW_NETWORKS=127.0.0.0/8")
	return cmd
}

// address is one that no other program of this machine has.
var address = fmt.Sprintf("127.%d.%d.7:8080", 64+os.Getpid()>>8&63, os.Getpid()&255)
