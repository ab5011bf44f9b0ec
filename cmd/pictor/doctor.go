package main

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/worker"
)

// checkedSettings is config.Serve without its Validate, so that settings that are not
// enough to serve with are a line of the report like any other.
type checkedSettings config.Serve

// doctorCmd checks what serve needs of this machine, with the settings that serve would have.
type doctorCmd struct {
	checkedSettings `embed:""`
	JSON            bool `name:"json" help:"Print the findings as one array of JSON."`
}

// errUnwell is for a report with at least one problem, which was printed.
var errUnwell = errors.New("not all of it works here as it is set: see what is called a problem")

// Run prints what each check found, all of them whatever fails.
func (cmd *doctorCmd) Run() error {
	cfg := (*config.Serve)(&cmd.checkedSettings)
	r := &report{}
	r.ok("version", "%s", versionLine())
	can := r.checkWorker(cfg)
	r.checkSandbox(cfg)
	r.checkMemory(cfg)
	r.checkFolders(cfg)
	r.checkClock(cfg, time.Now())
	in := r.checkSettings(cfg)
	r.checkSigning(cfg)
	r.checkTLS(cfg, time.Now())
	r.checkConflicts(cfg)
	r.checkNetwork(cfg, in)
	if in != nil {
		r.checkAutoFormats(in, can)
		in.close()
	}
	r.checkPorts(cfg)
	if err := r.write(os.Stdout, cmd.JSON); err != nil {
		return err
	}
	if r.problems() > 0 {
		return errUnwell
	}
	return nil
}

// What to do where the text alone does not say it.
const (
	doWorker   = "Install pictor and pictor-worker of one build side by side, or use the container image."
	doSandbox  = "docs/sandbox.md says what each layer needs of the system."
	doSettings = "docs/settings.md has them all, and `pictor config` prints where each comes from."
)

// checkWorker tries the program of workers, and with it the formats. It is nil where that cannot be asked.
func (r *report) checkWorker(cfg *config.Serve) *transform.Capabilities {
	path, err := findWorker(cfg.WorkerCommand)
	if err != nil {
		r.problem("worker", doWorker, "%v", err)
		return nil
	}
	program, err := probeWorker(path)
	if err != nil {
		r.problem("worker", doWorker, "%v", err)
		return nil
	}
	c := program.Capabilities
	r.ok("worker", "%s uses libvips %s. It loads %s, and saves %s.", path, c.Version,
		formatNames(c.Load), formatNames(c.Save))
	if missing := c.Missing(); len(missing) > 0 {
		r.problem("formats", "Install them, or use the container image.", "%v", missingFormats(missing))
	}
	if line := optionalLine(c.Without()); line != "" {
		r.note("formats", "Install the packages if you need these formats.", "%s", line)
	}
	r.checkLibraries(program)
	return c
}

func (r *report) checkSandbox(cfg *config.Serve) {
	sandbox, err := newSandbox(cfg)
	if err != nil {
		r.problem("sandbox", doSandbox, "%v", err)
		return
	}
	line := sandboxLine(sandbox.Layers())
	for _, l := range sandbox.Layers() {
		if !l.On && worker.Mode(strings.ToLower(cfg.Sandbox)) != worker.Off {
			r.note("sandbox", doSandbox, "The sandbox of workers is not complete here: %s", line)
			return
		}
	}
	r.ok("sandbox", "The %s.", line)
}

func (r *report) checkMemory(cfg *config.Serve) {
	limit, from, err := memory.FindLimit(int64(cfg.MemoryLimit))
	if err != nil {
		r.problem("memory", "Set --memory-limit.", "The memory limit cannot be found: %v", err)
		return
	}
	plan, err := memory.NewPlan(planInput(cfg, limit, from))
	if err != nil {
		r.problem("memory", "docs/memory.md says what needs how much.", "%v", err)
		return
	}
	r.ok("memory", "The memory limit is %s (%s): %s for images at work, %s for the cache, %d workers.",
		formatSize(limit), from, formatSize(plan.Transforms), formatSize(plan.Cache), plan.Workers)
	r.checkCgroup(plan)
	r.checkOpenFiles(plan)
}

// checkSettings is what serve does with them before it starts anything. in is nil where they cannot be used.
func (r *report) checkSettings(cfg *config.Serve) (in *inputs) {
	if err := cfg.Validate(); err != nil {
		r.problemOf("settings", doSettings, err)
		return nil
	}
	in, err := readInputs(cfg)
	if err != nil {
		r.problemOf("settings", doSettings, err)
		return nil
	}
	for _, w := range cfg.Warnings() {
		r.note("settings", "Change it, unless it is meant.", "%s", w)
	}
	r.ok("settings", "Settings, keys and the files that they name can be used.")
	return in
}

func (r *report) checkPorts(cfg *config.Serve) {
	listeners, err := bindPorts(cfg)
	switch {
	case err != nil && runsAt(cfg):
		r.note("port", "Leave it as it is, if that is the server with these settings; for another one set --listen.",
			"A pictor serves at %s already", cfg.Address())
		return
	case err != nil:
		r.problem("port", "A server that runs here has it, or another program.", "%v", err)
		return
	}
	listeners.close()
	if address, _ := cfg.AdminAddress(); address != "" && listeners.admin == nil {
		r.note("port", "Set --admin-listen to another address, or to off.",
			"The admin address %s is in use: serve runs without metrics and purges", address)
	}
	r.ok("port", "The address %s is free.", cfg.Address())
}

// localPatience bounds the wait for a server on this machine.
const localPatience = 2 * time.Second

// runsAt says whether a server of pictor answers at --listen: it gives a request its own id back.
func runsAt(cfg *config.Serve) bool {
	req, err := http.NewRequest(http.MethodGet, "/health/live", nil)
	if err != nil {
		return false
	}
	if cfg.TLSCert != "" {
		req.URL.Scheme = "https"
	}
	id := probeName()
	req.Header.Set("X-Request-Id", id)
	resp, err := openAdmin("--listen", cfg.Address(), localPatience, req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = readAnswer(resp)
	return err == nil && resp.Header.Get("X-Request-Id") == id
}
