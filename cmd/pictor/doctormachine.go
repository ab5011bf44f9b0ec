package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/memory"
)

// checkCgroup says who else is in the cgroup whose limit counts: what others take there pictor does not have.
func (r *report) checkCgroup(plan memory.Plan) {
	if !plan.OfCgroup() {
		return
	}
	if strings.Contains(plan.LimitFrom, "less than") {
		r.problem("cgroup", "Lower --memory-limit, or raise the limit of the container.",
			"The cgroup allows %s, which is %s: that counts", formatSize(plan.Limit), plan.LimitFrom)
	}
	if others := otherProcesses(cgroupFolder("/proc/self/cgroup", "/sys/fs/cgroup")); len(others) > 0 {
		const most = 5
		names := strings.Join(others[:min(most, len(others))], ", ")
		if len(others) > most {
			names += ", …"
		}
		r.note("cgroup", "Give pictor a cgroup of its own: what the others take counts against its limit.",
			"There are %d other processes in the cgroup (%s)", len(others), names)
		return
	}
	r.ok("cgroup", "Nothing else is in the cgroup")
}

// cgroupFolder is where the memory cgroup of this process is, of version 1 or 2; "" where it is not known.
func cgroupFolder(list, mounted string) string {
	content, err := os.ReadFile(list)
	if err != nil {
		return ""
	}
	folder := ""
	for line := range strings.Lines(string(content)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(fields) != 3:
		case slices.Contains(strings.Split(fields[1], ","), "memory"):
			folder = filepath.Join(mounted, "memory", fields[2])
			if _, err := os.Stat(folder); err != nil { // seen from a container it is the root
				folder = filepath.Join(mounted, "memory")
			}
			return folder
		case fields[1] == "":
			folder = filepath.Join(mounted, fields[2])
		}
	}
	return folder
}

// otherProcesses are the names of those in a cgroup but this one and those that it was started by.
func otherProcesses(folder string) (names []string) {
	content, err := os.ReadFile(filepath.Join(folder, "cgroup.procs"))
	if err != nil {
		return nil
	}
	own := map[int]bool{}
	for pid := os.Getpid(); pid > 0 && !own[pid]; pid = parentOf(pid) {
		own[pid] = true
	}
	for _, field := range strings.Fields(string(content)) {
		pid, err := strconv.Atoi(field)
		if err != nil || own[pid] {
			continue
		}
		if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil {
			names = append(names, strings.TrimSpace(string(name)))
		}
	}
	return names
}

// parentOf is 0 where it is not known.
func parentOf(pid int) int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])) // a name may have blanks
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}

// checkClock compares the clock with files that were written before now. Expiry times of URLs, freshness and the
// signatures of requests to buckets go by it.
func (r *report) checkClock(cfg *config.Serve, now time.Time) {
	const do = "Set the clock, and keep it by NTP (timedatectl, chrony)."
	newest, name := newestFile(cfg)
	switch ahead := newest.Sub(now); {
	case ahead > time.Minute:
		r.problem("clock", do, "The clock says %s, and %s was written %v later than that",
			now.UTC().Format(time.RFC3339), name, ahead.Round(time.Second))
	case !clockIsKept():
		r.note("clock", do, "The clock is plausible, but the kernel knows of nothing that keeps it right")
	default:
		r.ok("clock", "The clock is plausible: %s", now.UTC().Format(time.RFC3339))
	}
}

// newestFile is the one that was written last of this program and of the files of the purge log and the disk cache
// that lie at the top.
func newestFile(cfg *config.Serve) (newest time.Time, name string) {
	look := func(path string, info fs.FileInfo, err error) {
		if err == nil && info.ModTime().After(newest) {
			newest, name = info.ModTime(), path
		}
	}
	if self, err := os.Executable(); err == nil {
		info, err := os.Stat(self)
		look(self, info, err)
	}
	state, _ := cfg.StateFolder()
	cache, _ := cfg.CacheFolder()
	for _, folder := range []string{state, cachePart(cache)} {
		if folder == "" {
			continue
		}
		entries, _ := os.ReadDir(folder)
		for _, entry := range entries {
			info, err := entry.Info()
			look(filepath.Join(folder, entry.Name()), info, err)
		}
	}
	return newest, name
}

// cachePart is what pictor uses of a cache directory.
func cachePart(dir string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "pictor-v1")
}

// checkOpenFiles compares the limit of open files with what the plan has need of.
func (r *report) checkOpenFiles(plan memory.Plan) {
	limit, ok := openFilesLimit()
	if !ok {
		return
	}
	// Besides clients: origins, files of the disk cache being sent, and a few for each worker.
	own := uint64(512 + 8*plan.Workers)
	const do = "Raise the hard limit: LimitNOFILE= in the unit, --ulimit nofile= of Docker, or ulimit -Hn."
	switch {
	case limit < own:
		r.problem("ulimit", do, "This process may open %d files, and serve needs %d beside its clients", limit, own)
	case limit < own+uint64(plan.Clients):
		r.note("ulimit", do, "This process may open %d files, too few for the %d clients of the memory plan and %d "+
			"of its own", limit, plan.Clients, own)
	default:
		r.ok("ulimit", "This process may open %d files, enough for the %d clients of the memory plan", limit,
			plan.Clients)
	}
	if bytes, ok := addressSpaceLimit(); ok {
		r.note("ulimit", "Take the limit away (ulimit -v unlimited): --memory-limit bounds what pictor uses.",
			"The address space is limited to %s, and reserving more fails although there is memory",
			formatSize(bytes))
	}
}
