package memory

import (
	"os"
	"runtime/metrics"

	"github.com/pictor-proxy/pictor/proxy/memstat"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/memfile"
)

// Report is where the memory is, all in bytes: what was planned, what was
// dealt out, and what is really there.
type Report struct {
	Limit     int64  `json:"limit_bytes"`
	LimitFrom string `json:"limit_from"`
	// Plan is how the limit is split.
	Plan []Part `json:"plan"`
	// Total is what all processes take: their proportional set sizes, and the
	// memory files of sources whether mapped or not. Parts say what it is, each
	// found on a way of its own, and Sum is what they come to.
	Total int64  `json:"total_bytes"`
	Sum   int64  `json:"sum_bytes"`
	Parts []Part `json:"parts"`
	// Accounts are what is dealt out.
	Accounts []BudgetReport `json:"accounts"`
	Cache    CacheReport    `json:"cache"`
	Heap     HeapReport     `json:"heap"`
	// Transforms is what jobs have reserved, and what their workers really
	// hold above what they held when they were fresh.
	Transforms struct {
		Reserved int64 `json:"reserved_bytes"`
		Real     int64 `json:"real_bytes"`
		// Spare is how much freed memory each worker may keep for its next job.
		Spare int64 `json:"spare_bytes"`
		// Retained is what idle workers hold above what they held when they were fresh.
		Retained int64 `json:"retained_bytes"`
	} `json:"transforms"`
	Processes []Process `json:"processes"`
	// Sandbox are the layers that workers are confined by.
	Sandbox []transform.Layer `json:"sandbox,omitempty"`
	// Sources are the memory files of sources.
	Sources struct {
		Count int   `json:"count"`
		Bytes int64 `json:"bytes"`
	} `json:"sources"`
	// Cgroup is what the kernel counts for the server's memory cgroup, which
	// may hold others, too; nil where there is none.
	Cgroup   *memstat.Figures `json:"cgroup,omitempty"`
	Clients  int              `json:"clients"`
	Pressure Pressure         `json:"pressure"`
	// Problem is what kept some of the figures from being read.
	Problem string `json:"problem,omitempty"`
}

// CacheReport is the RAM tier.
type CacheReport struct {
	Bytes   int64 `json:"bytes"`
	Max     int64 `json:"max_bytes"`
	Entries int64 `json:"entries"`
	// Pending bytes are results that the tier has not taken up yet.
	Pending int64 `json:"pending_bytes"`
}

// HeapReport is Go's own memory (runtime/metrics).
type HeapReport struct {
	// InUse holds objects, live and dead, Idle is free and kept, Released was
	// given back. Stacks and Runtime are beside them.
	InUse    int64 `json:"in_use_bytes"`
	Idle     int64 `json:"idle_bytes"`
	Released int64 `json:"released_bytes"`
	Stacks   int64 `json:"stacks_bytes"`
	Runtime  int64 `json:"runtime_bytes"`
	// Limit is GOMEMLIMIT.
	Limit int64 `json:"limit_bytes"`
}

// Process is one of pictor's processes.
type Process struct {
	PID  int    `json:"pid"`
	Kind string `json:"kind"` // server or worker
	// Anon, File and Shmem are its share of memory of its own, of files it
	// maps, and of memory files, where n processes that map a page have an
	// nth of it each.
	Anon  int64 `json:"anon_bytes"`
	File  int64 `json:"file_bytes"`
	Shmem int64 `json:"shmem_bytes"`
	// Jobs is how many a worker was given; Reserved is for the one it does
	// now, Real what it holds above what it held when it was fresh.
	Jobs     int   `json:"jobs"`
	Reserved int64 `json:"reserved_bytes"`
	Real     int64 `json:"real_bytes"`
}

// Report samples where the memory is, beside so many fetches that wait in queues of
// their own. It costs the kernel a walk over all pages of all processes, some
// milliseconds.
func (g *Governor) Report(fetchesWaiting int) Report {
	p := g.currentPlan()
	r := Report{
		Limit: p.Limit, LimitFrom: p.LimitFrom, Plan: p.Parts(), Accounts: g.Budgets.report(fetchesWaiting),
		Clients: g.Connections.Count(), Pressure: g.pressure.state(),
	}
	for i, a := range r.Accounts {
		r.Accounts[i].Stuck = g.Stuck.isStuck(a.Name)
	}
	r.addProcesses(g.listWorkers())
	r.Sandbox = g.sandboxLayers()
	files, err := memstat.ReadFiles(memfile.Name)
	r.noteProblem(err)
	r.Sources.Count, r.Sources.Bytes = files.Count, files.Bytes
	if group, err := g.group.Read(); err == nil {
		r.Cgroup = &group
	}
	r.Heap = readHeap()
	c := g.cfg.Cache.Stats()
	r.Cache = CacheReport{Bytes: c.Bytes, Max: c.MaxBytes, Entries: c.Entries, Pending: c.PendingBytes}
	r.Transforms.Reserved = g.Budgets.Transforms.Stats().InUse + g.exclusive.bytes.Load()
	r.Transforms.Spare = g.spareInForce()
	r.sumParts()
	return r
}

func (g *Governor) listWorkers() []transform.Worker {
	if p := g.cfg.Workers; p != nil {
		return p.Workers()
	}
	return nil
}

func (g *Governor) sandboxLayers() []transform.Layer {
	if p := g.cfg.Workers; p != nil {
		return p.Sandbox()
	}
	return nil
}

func (r *Report) noteProblem(err error) {
	if err != nil && r.Problem == "" {
		r.Problem = "some figures cannot be read here: " + err.Error()
	}
}

// addProcesses reads what the server and its workers take. A worker that ends
// meanwhile takes nothing any more.
func (r *Report) addProcesses(workers []transform.Worker) {
	addProcess := func(p Process) (ok bool) {
		share, err := memstat.ReadShare(p.PID)
		if err != nil {
			if p.Kind == "server" {
				r.noteProblem(err)
			}
			return
		}
		p.Anon = share.Anon
		p.File = share.File
		p.Shmem = share.Shmem
		r.Processes = append(r.Processes, p)
		return true
	}
	addProcess(Process{PID: os.Getpid(), Kind: "server"})
	for _, w := range workers {
		if !addProcess(Process{PID: w.PID, Kind: "worker", Jobs: w.Jobs, Reserved: w.Memory}) {
			continue
		}
		p := &r.Processes[len(r.Processes)-1]
		above := max(p.Anon-w.Base, 0)
		if w.Memory == 0 {
			r.Transforms.Retained += above
			continue
		}
		p.Real = above
		r.Transforms.Real += above
	}
}

// sumParts makes the total and its parts.
func (r *Report) sumParts() {
	r.Total = r.Sources.Bytes
	var server, workers, files int64
	for _, p := range r.Processes {
		r.Total += p.Anon + p.File // what it maps of sources is among them
		files += p.File
		if p.Kind == "server" {
			server = p.Anon
		} else {
			workers += p.Anon
		}
	}
	h := r.Heap
	// Tables that were made large and are mostly empty, as the cache's are for
	// a large limit, are in use to Go, and to the kernel not there.
	inUse := min(h.InUse, server-h.Idle-h.Stacks)
	r.Parts = []Part{
		{"cache entries", r.Cache.Bytes},
		{"rest of Go's heap in use", max(inUse-r.Cache.Bytes, 0)},
		{"Go's heap, free and kept", h.Idle},
		{"goroutine stacks", h.Stacks},
		{"Go's runtime and C libraries in the server", max(server-inUse-h.Idle-h.Stacks, 0)},
		{"workers", workers},
		{"sources", r.Sources.Bytes},
		{"programs and libraries", files},
	}
	for _, p := range r.Parts {
		r.Sum += p.Bytes
	}
}

// readHeap does not stop the world, as runtime.ReadMemStats would.
func readHeap() HeapReport {
	const prefix = "/memory/classes/"
	names := []string{"heap/objects", "heap/unused", "heap/free", "heap/released", "heap/stacks", "os-stacks", "total"}
	samples := make([]metrics.Sample, 0, len(names)+1)
	for _, n := range names {
		samples = append(samples, metrics.Sample{Name: prefix + n + ":bytes"})
	}
	samples = append(samples, metrics.Sample{Name: "/gc/gomemlimit:bytes"})
	metrics.Read(samples)
	v := func(i int) int64 { return int64(min(samples[i].Value.Uint64(), 1<<62)) }
	h := HeapReport{InUse: v(0) + v(1), Idle: v(2), Released: v(3), Stacks: v(4) + v(5), Limit: v(7)}
	h.Runtime = max(v(6)-h.InUse-h.Idle-h.Released-h.Stacks, 0)
	return h
}
