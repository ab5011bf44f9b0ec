package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/transform/worker"
)

// workerName is the file name of the program of workers.
const workerName = "pictor-worker"

// describeTime bounds how long the program of workers may take to say what it is: on a machine that is busy, loading
// libvips takes its time.
const describeTime = 30 * time.Second

// findWorker is the absolute path of the program of workers: that of --worker-command, which without a slash is looked
// up in PATH, or the one beside this program. Links to this program are followed. PATH is no default: what is found
// there may be of another installation.
func findWorker(command string) (string, error) {
	if command == "" {
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("cannot find the directory of pictor, where %s should be: %w", workerName, err)
		}
		if target, err := filepath.EvalSymlinks(self); err == nil {
			self = target
		}
		return filepath.Join(filepath.Dir(self), workerName), nil
	}
	path, err := exec.LookPath(command)
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return "", config.Invalid(fmt.Errorf("--worker-command is %q: there is no such program", command))
	}
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return "", config.Invalid(fmt.Errorf("--worker-command is %q: %w", command, err))
	}
	return filepath.Abs(path) // workers are started in another directory
}

// describeWorker asks the program of workers what it is.
func describeWorker(path string) (worker.Program, error) {
	ctx, cancel := context.WithTimeout(context.Background(), describeTime)
	defer cancel()
	p, err := worker.Describe(ctx, path, worker.BuildID(version))
	return p, adviseOnWorker(err)
}

// probeWorker is describeWorker with what its libvips can do.
func probeWorker(path string) (worker.Program, error) {
	ctx, cancel := context.WithTimeout(context.Background(), describeTime)
	defer cancel()
	p, err := worker.Probe(ctx, path, worker.BuildID(version))
	return p, adviseOnWorker(err)
}

// adviseOnWorker adds what to do about a program of workers that cannot be used.
func adviseOnWorker(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, worker.ErrNoProgram):
		return fmt.Errorf("%w: install pictor-worker beside pictor (`make build` makes both, "+
			"and the container image has both), or set --worker-command", err)
	case errors.Is(err, worker.ErrOtherBuild):
		return fmt.Errorf("%w: install pictor and pictor-worker of one build", err)
	case lacksLibrary(err.Error()):
		return fmt.Errorf("%w: install libvips 8.14 or newer (Debian 13: libvips42t64), "+
			"or use the container image", err)
	}
	return err
}

// lacksLibrary knows the words of the loaders of glibc, musl and macOS.
func lacksLibrary(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "shared librar") || strings.Contains(text, "library not loaded")
}
