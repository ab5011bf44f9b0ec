package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/transform/worker"
)

// checkedSettings is config.Serve without its Validate, so that settings that are not
// enough to serve with are a line of the report like any other.
type checkedSettings config.Serve

// doctorCmd checks what serve needs of this machine, with the settings that serve would have.
type doctorCmd struct {
	checkedSettings `embed:""`
}

// errUnwell is for a report with at least one problem, which was printed.
var errUnwell = errors.New("serve cannot run here as it is set: see the lines that begin with PROBLEM")

// report collects what was found.
type report struct {
	out      io.Writer
	problems int
}

func (r *report) ok(format string, a ...any) { fmt.Fprintf(r.out, "ok       "+format+"\n", a...) }

func (r *report) note(format string, a ...any) { fmt.Fprintf(r.out, "note     "+format+"\n", a...) }

func (r *report) problem(format string, a ...any) {
	r.problems++
	fmt.Fprintf(r.out, "PROBLEM  "+format+"\n", a...)
}

// Run prints a line for each check, all of them whatever fails.
func (cmd *doctorCmd) Run() error {
	cfg := (*config.Serve)(&cmd.checkedSettings)
	r := &report{out: os.Stdout}
	r.ok("%s", versionLine())
	r.checkWorker(cfg)
	r.checkSandbox(cfg)
	r.checkMemory(cfg)
	r.checkFolders(cfg)
	r.checkSettings(cfg)
	r.checkPorts(cfg)
	if r.problems > 0 {
		return errUnwell
	}
	return nil
}

// checkWorker tries the program of workers, and with it the formats.
func (r *report) checkWorker(cfg *config.Serve) {
	path, err := findWorker(cfg.WorkerCommand)
	if err != nil {
		r.problem("%v.", err)
		return
	}
	program, err := probeWorker(path)
	if err != nil {
		r.problem("%v.", err)
		return
	}
	c := program.Capabilities
	r.ok("%s uses libvips %s. It loads %s, and saves %s.", path, c.Version, formatNames(c.Load), formatNames(c.Save))
	if missing := c.Missing(); len(missing) > 0 {
		r.problem("%v.", missingFormats(missing))
	}
	if line := optionalLine(c.Without()); line != "" {
		r.note("%s", line)
	}
}

func (r *report) checkSandbox(cfg *config.Serve) {
	sandbox, err := newSandbox(cfg)
	if err != nil {
		r.problem("%v.", err)
		return
	}
	line := sandboxLine(sandbox.Layers())
	for _, l := range sandbox.Layers() {
		if !l.On && worker.Mode(strings.ToLower(cfg.Sandbox)) != worker.Off {
			r.note("The sandbox of workers is not complete here: %s.", line)
			return
		}
	}
	r.ok("The %s.", line)
}

func (r *report) checkMemory(cfg *config.Serve) {
	limit, from, err := memory.FindLimit(int64(cfg.MemoryLimit))
	if err != nil {
		r.problem("The memory limit cannot be found: %v.", err)
		return
	}
	plan, err := memory.NewPlan(planInput(cfg, limit, from))
	if err != nil {
		r.problem("%v.", err)
		return
	}
	r.ok("The memory limit is %s (%s): %s for images at work, %s for the cache, %d workers.", formatSize(limit), from,
		formatSize(plan.Transforms), formatSize(plan.Cache), plan.Workers)
}

// checkFolders tries to write where serve would.
func (r *report) checkFolders(cfg *config.Serve) {
	cacheFolder, err := cfg.CacheFolder()
	r.checkFolder("cache directory", cacheFolder, err)
	stateFolder, err := cfg.StateFolder()
	r.checkFolder("state directory", stateFolder, err)
}

func (r *report) checkFolder(what, dir string, err error) {
	switch {
	case err != nil:
		r.note("There is no %s: %v.", what, err)
		return
	case dir == "":
		r.ok("The %s is switched off.", what)
		return
	}
	at := dir // what exists of it
	for {
		if _, err := os.Stat(at); err == nil || at == filepath.Dir(at) {
			break
		}
		at = filepath.Dir(at)
	}
	f, err := os.CreateTemp(at, ".pictor-doctor-*")
	if err != nil {
		r.problem("The %s %s cannot be written: %v.", what, dir, err)
		return
	}
	f.Close()
	os.Remove(f.Name())
	r.ok("The %s %s can be written.", what, dir)
}

// checkSettings is what serve does with them before it starts anything.
func (r *report) checkSettings(cfg *config.Serve) {
	if err := cfg.Validate(); err != nil {
		r.problem("%v.", err)
		return
	}
	in, err := readInputs(cfg)
	if err != nil {
		r.problem("%v.", err)
		return
	}
	in.close()
	for _, w := range cfg.Warnings() {
		r.note("%s.", strings.TrimSuffix(w, "."))
	}
	r.ok("Settings, keys and the files that they name can be used.")
}

func (r *report) checkPorts(cfg *config.Serve) {
	doors, err := bindPorts(cfg)
	if err != nil {
		r.problem("%v.", err)
		return
	}
	doors.close()
	r.ok("The address %s is free.", cfg.Address())
}
