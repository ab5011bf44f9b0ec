package proxy

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/proxy/memory"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/transform"
)

// collector gives Prometheus the memory report and all counters. It keeps nothing: each scrape
// reads the figures anew. It describes no metric (an unchecked collector), because some
// labels are known only then.
type collector struct{ s *Server }

// Describe implements prometheus.Collector.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	e := emitter(out)
	m := c.s.Memory()
	e.gauge("memory_limit_bytes", "Memory limit of all pictor processes together, in bytes.", m.Limit)
	e.gauge("memory_total_bytes",
		"Memory used by all pictor processes and by source images in memory files, in bytes.", m.Total)
	for _, p := range m.Parts {
		e.gauge("memory_part_bytes", "Memory used by pictor, by part, in bytes.", p.Bytes, "part", p.Name)
	}
	for _, p := range m.Plan {
		e.gauge("memory_plan_bytes", "Memory planned for each part of pictor, in bytes.", p.Bytes, "part", p.Name)
	}
	e.addBudgets(m.Accounts)
	e.addBuild(c.s.cfg.Build)
	e.addSettings(c.s.cfg.Settings)
	e.addCache(c.s)
	e.addKeys(c.s.cfg.inForce.Load().keys)
	for class, n := range map[string]int64{"in use": m.Heap.InUse, "idle": m.Heap.Idle,
		"released": m.Heap.Released, "stacks": m.Heap.Stacks, "runtime": m.Heap.Runtime} {
		e.gauge("heap_bytes", "Memory of the Go runtime in the server process, by class, in bytes.", n, "class", class)
	}
	e.addProcesses(m.Processes)
	e.gauge("transforms_reserved_bytes",
		"Estimated memory of the transforms that are running, in bytes.", m.Transforms.Reserved)
	e.gauge("transforms_real_bytes",
		"Memory of busy workers above that of freshly started ones, in bytes.", m.Transforms.Real)
	e.gauge("workers_retained_bytes",
		"Memory of idle workers above that of freshly started ones, in bytes.", m.Transforms.Retained)
	e.gauge("source_files", "Source images held in memory files.", int64(m.Sources.Count))
	e.gauge("source_bytes", "Size of all source images held in memory files, in bytes.", m.Sources.Bytes)
	if g := m.Cgroup; g != nil {
		for class, n := range map[string]int64{"anonymous": g.Anon, "shared": g.Shmem, "file": g.File} {
			e.gauge("cgroup_bytes",
				"Memory that the kernel counts for pictor's memory cgroup, by class, in bytes.", n, "class", class)
		}
		e.counter("cgroup_oom_kills_total",
			"Processes that the kernel killed because pictor's memory cgroup reached its limit.", uint64(g.OOMKills))
	}
	e.gauge("clients", "Open client connections to the image port, where HTTP/2 counts three times.", int64(m.Clients))
	e.counter("clients_refused_total",
		"Client connections refused because the maximum was open.", c.s.memory.Connections.Refused())
	for why, n := range c.s.memory.Responses.Cuts() {
		e.counter("responses_cut_total",
			"Responses cut off because the client read too slowly, by reason: room (others waited for memory), "+
				"evicted (the RAM cache let go of the image), connection (needed for a new client), "+
				"slow (no progress).",
			n, "why", why)
	}
	if store := c.s.cfg.Hidden.Store; store != nil {
		st := store.Stats()
		e.gauge("hidden_sources", "Registered hidden sources.", int64(st.Sources))
		e.gauge("hidden_sources_max", "Hidden sources that may be registered.", int64(st.Max))
		e.gauge("hidden_log_bytes", "Size of the log of hidden sources, in bytes.", st.LogBytes)
	}
	e.addRequestLog(c.s.cfg.inForce.Load().RequestLog)
	e.addTraces(c.s.cfg.Tracer)
	e.addPressure(m.Pressure)
	e.addPool(c.s)
}

// emitter sends metrics to Prometheus, with the prefix of pictor.
type emitter chan<- prometheus.Metric

// addMetric sends a metric. labels are names and values in turn.
func (e emitter) addMetric(kind prometheus.ValueType, name, help string, v float64, labels ...string) {
	set := prometheus.Labels{}
	for i := 0; i+1 < len(labels); i += 2 {
		set[labels[i]] = labels[i+1]
	}
	m, err := prometheus.NewConstMetric(prometheus.NewDesc("pictor_"+name, help, nil, set), kind, v)
	if err != nil {
		m = prometheus.NewInvalidMetric(prometheus.NewDesc("pictor_"+name, help, nil, nil), err)
	}
	e <- m
}

func (e emitter) gauge(name, help string, v int64, labels ...string) {
	e.addMetric(prometheus.GaugeValue, name, help, float64(v), labels...)
}

func (e emitter) counter(name, help string, v uint64, labels ...string) {
	e.addMetric(prometheus.CounterValue, name, help, float64(v), labels...)
}

// addProcesses sends the number and the memory of the processes of each kind.
func (e emitter) addProcesses(list []memory.Process) {
	kinds := map[string]memory.Process{}
	count := map[string]int64{"server": 0, "worker": 0}
	for _, p := range list {
		k := kinds[p.Kind]
		k.Anon += p.Anon
		k.File += p.File
		k.Shmem += p.Shmem
		kinds[p.Kind] = k
		count[p.Kind]++
	}
	for kind, n := range count {
		e.gauge("processes", "Running pictor processes, by kind (server, worker).", n, "kind", kind)
		k := kinds[kind]
		for class, n := range map[string]int64{"anonymous": k.Anon, "file": k.File, "shared": k.Shmem} {
			e.gauge("process_bytes",
				"Proportional set size of all pictor processes of a kind, by class of memory, in bytes.",
				n, "kind", kind, "class", class)
		}
	}
}

func (e emitter) addPressure(p memory.Pressure) {
	e.addMetric(prometheus.GaugeValue, "pressure_level",
		"Fraction of the cache and transform budgets in force; below 1 while memory is short.", p.Level)
	e.gauge("pressure_real_bytes",
		"Anonymous and shared memory in use, in bytes: of the memory cgroup and with socket buffers if the limit is "+
			"a cgroup's, else of pictor.", p.Real)
	e.gauge("pressure_others_bytes",
		"Anonymous and shared memory used by other programs in pictor's memory cgroup, in bytes.", p.Others)
	e.counter("pressure_tightened_total",
		"Reductions of the cache and transform budgets because memory was short.", p.Tightened)
}

func (e emitter) addCache(s *Server) {
	c := s.cfg.Cache.Stats()
	e.gauge("cache_bytes", "Size of all entries in the RAM cache, in bytes.", c.Bytes)
	e.gauge("cache_max_bytes", "Maximum size of the RAM cache at the moment, in bytes.", c.MaxBytes)
	e.gauge("cache_entries", "Entries in the RAM cache.", c.Entries)
	e.gauge("cache_flights",
		"Cache fills that are running, or whose result no cache tier has stored yet.", int64(c.Flights))
	e.gauge("cache_pending_bytes", "Size of the results that no cache tier has stored yet, in bytes.", c.PendingBytes)
	for tier, n := range map[string]uint64{"memory": c.Hits - c.LowerHits, "disk": c.LowerHits} {
		e.counter("cache_hits_total", hitsHelp, n, "tier", tier)
	}
	for outcome, n := range map[string]uint64{"hit": c.Hits, "miss": c.Misses, "collapsed": c.Collapsed,
		"stale": c.Stale, "stale-if-error": c.StaleErrors, "remembered-error": c.Remembered, "bypass": c.Bypassed} {
		e.counter("cache_requests_total", "Image requests, by cache outcome.", n, "outcome", outcome)
	}
	e.counter("cache_fills_total", "Cache fills that were started.", c.Fills)
	e.counter("cache_fill_errors_total", "Cache fills that failed.", c.FillErrors)
	e.counter("cache_refreshes_total",
		"Cache fills that were started in the background to refresh an entry.", c.Refreshes)
	e.counter("cache_renewed_total", "Cache fills that found an entry unchanged and extended its lifetime.", c.Renewed)
	e.counter("cache_promoted_total", "Cache entries copied from the disk cache into the RAM cache.", c.Promoted)
	for why, n := range map[string]uint64{"dropped": c.Dropped, "rejected": c.Rejected, "evicted": c.Evicted,
		"collision": c.Collisions, "swept": c.Swept, "unwritten": c.Unwritten} {
		e.counter("cache_lost_total",
			"Cache entries lost, by reason: not stored in RAM (dropped, rejected), removed from RAM (evicted, "+
				"swept after a purge), hidden by the entry of another key (collision), "+
				"not written to disk (unwritten).",
			n, "why", why)
	}
	e.addStore("results", s.cfg.Disk)
	e.addStore("sources", s.cfg.Sources)
	e.addSources(s.sources.Stats())
	fetcher := s.Origin()
	e.addOrigins(fetcher.Origins(), fetcher.BreakerStatsByOrigin(), fetcher.RetryStats())
	p := s.cfg.Clock.Stats()
	e.gauge("purge_sequence", "Sequence number of the last purge in force.", int64(p.Sequence))
	e.counter("purges_total", "Purges since the server was started.", p.Purges)
	e.gauge("purge_targets",
		"Purged URLs, sources, tags, hosts and prefixes that the purge log holds exactly.", int64(p.Targets+p.Prefixes))
	e.gauge("purge_log_bytes", "Size of the purge log, in bytes.", p.LogBytes)
	e.addCluster(s.cfg.Cluster)
	e.addLeases(s.cfg.Leases)
	e.addBucket(s)
}

// addStore sends the figures of a store on disk, if there is one.
func (e emitter) addStore(name string, store *diskstore.Store) {
	if store == nil {
		return
	}
	d := store.Stats()
	e.gauge("disk_bytes", "Size of all records in a disk store, in bytes.", d.Bytes, "store", name)
	e.gauge("disk_max_bytes", "Maximum size of a disk store, in bytes.", d.MaxBytes, "store", name)
	e.gauge("disk_records", "Records in a disk store.", int64(d.Records), "store", name)
	hangs := int64(0)
	if d.Stalled {
		hangs = 1
	}
	e.gauge("disk_hangs",
		"Whether a disk store is out of use because the disk stopped responding: 1 or 0.", hangs, "store", name)
	e.counter("disk_written_total", "Records written to a disk store.", d.Written, "store", name)
	for why, n := range map[string]uint64{"evicted": d.Evicted, "corrupt": d.Corrupt, "refused": d.Refused,
		"error": d.WriteErrors} {
		e.counter("disk_lost_total",
			"Records of a disk store not written or removed, by reason.", n, "store", name, "why", why)
	}
}

func (e emitter) addSources(st sources.Stats) {
	for how, n := range map[string]uint64{"shared": st.Shared, "stored": st.Stored, "bucket": st.FromBucket,
		"revalidated": st.Revalidated, "fetched": st.Fetched, "failed": st.Failed, "remembered-error": st.Remembered} {
		e.counter("sources_total", "Source images that cache fills asked for, by how each was obtained.", n, "how", how)
	}
	e.counter("sources_fetched_bytes_total",
		"Size of the source images received from origins, in bytes.", st.FetchedBytes)
}

// addKeys sends the figures of keys with policies.
func (e emitter) addKeys(keys map[string]*accessKey) {
	for id, k := range keys {
		e.counter("key_requests_total", "Image requests signed by an access key, by its id.",
			k.state.requests.Load(), "key", id)
		e.counter("key_refused_total",
			"Image requests signed by an access key that were refused, by its id: its policy, a revoked key, or a "+
				"wrong path.",
			k.state.refused.Load(), "key", id)
		e.counter("key_limited_total",
			"Cache fills not started because an access key had asked for too many, by its id.",
			k.state.limited.Load(), "key", id)
	}
}

// pool is a Transformer that works in other processes.
type pool interface {
	Sandbox() []transform.Layer
	Stats() transform.PoolStats
}

func (e emitter) addPool(s *Server) {
	p, ok := s.cfg.Transformer.(pool)
	if !ok {
		return
	}
	for _, l := range p.Sandbox() {
		on := int64(0)
		if l.On {
			on = 1
		}
		e.gauge("worker_sandbox",
			"Whether worker processes are confined by a layer of the sandbox: 1 or 0.", on, "layer", l.Name)
	}
	st := p.Stats()
	for state, n := range map[string]int{"idle": st.Idle, "busy": st.Workers - st.Idle} {
		e.gauge("workers", "Worker processes that live, by state (busy, idle).", int64(n), "state", state)
	}
	e.addMetric(prometheus.CounterValue, "workers_cpu_seconds_total",
		"CPU time of all worker processes, ended ones included, in seconds.", st.CPU.Seconds())
	e.counter("workers_started_total", "Worker processes started.", st.Started)
	e.counter("jobs_total", "Transforms given to worker processes; one that is retried counts once.", st.Jobs)
	batches := s.batches.snapshot()
	e.counter("batch_jobs_total",
		"Transforms that made several results of one source image, decoded once for all.", batches.jobs)
	e.counter("batch_results_total",
		"Results made by transforms that made several results of one source image.", batches.results)
	e.counter("jobs_retried_total",
		"Transforms done once more after a crash, or beside spare memory after too much memory.", st.Retried)
	for why, n := range map[string]uint64{"crashed": st.Crashed, "killed": st.Killed, "overran": st.Overran,
		"overtime": st.Overtime, "replaced": st.Replaced, "stalled": st.Stalled} {
		e.counter("workers_ended_total",
			"Worker processes ended or replaced, other than idle ones, by reason: crashed, killed (deadline), overran "+
				"(memory), overtime (CPU time), replaced (age, or memory retained), stalled (did "+
				"not begin a job).", n, "why", why)
	}
}
